using System.CommandLine;

namespace KlingFunctions.Local.Cli;

/// <summary>The options that name a host and its key.</summary>
internal sealed class DeploymentOptions
{
    /// <summary>The default address of <c>serve</c> and of the client verbs.</summary>
    public const string DefaultUrl = "http://127.0.0.1:7071";

    private readonly Option<string?> _url = new("--url")
    {
        Description = $"The host to speak to (or KLING_URL; default {DefaultUrl}).",
    };

    private readonly Option<string?> _key = new("--key")
    {
        // No default value, which help would show.
        Description = "The host's key, if it has one. Better in KLING_KEY, where no list of processes shows it.",
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_url);
        command.Options.Add(_key);
    }

    /// <summary>The host from the arguments; null if they name none.</summary>
    public string? UrlOf(ParseResult parsed) => parsed.GetValue(_url);

    /// <summary>The key, from the arguments or the environment.</summary>
    public string? KeyOf(ParseResult parsed) => parsed.GetValue(_key) ?? Environment.GetEnvironmentVariable("KLING_KEY");

    /// <summary>The host that the arguments or the environment name.</summary>
    /// <exception cref="ExitException">The URL or the key is invalid.</exception>
    public Deployment Open(ParseResult parsed, TimeProvider time)
    {
        var url = UrlOf(parsed) ?? (Environment.GetEnvironmentVariable("KLING_URL") is { Length: > 0 } variable ? variable : DefaultUrl);
        return new(url, KeyOf(parsed), time);
    }
}
