using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>Settings of the one-machine host. Section <c>Local</c>.</summary>
public sealed class LocalOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Local";

    /// <summary>The folder for the journal, the videos and the inbox.</summary>
    public string DataDirectory { get; set; } = "./data";

    /// <summary>The host's key. If set, every call except health needs it in the header <c>x-functions-key</c>.</summary>
    public string? ApiKey { get; set; }

    internal string Inbox => Path.Combine(DataDirectory, "inbox");

    internal string Videos => Path.Combine(DataDirectory, "videos");
}

/// <summary>Validates the settings at the start.</summary>
internal sealed class LocalOptionsValidator : IValidateOptions<LocalOptions>
{
    private const int ShortestKey = 16;

    public ValidateOptionsResult Validate(string? name, LocalOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.DataDirectory)) return ValidateOptionsResult.Fail("Local:DataDirectory must name a folder, for example ./data.");
        if (options.ApiKey is { Length: > 0 and < ShortestKey })
            return ValidateOptionsResult.Fail($"Local:ApiKey must have at least {ShortestKey} characters: a short key can be guessed.");
        if (options.ApiKey is { Length: > 0 } key && (key.Trim() != key || key.Any(c => c is < ' ' or > '~')))
        {
            return ValidateOptionsResult.Fail(
                "Local:ApiKey begins or ends with a blank, or holds a character that no header can carry, so that no call could have it: use letters, digits and signs of ASCII.");
        }
        return ValidateOptionsResult.Success;
    }
}
