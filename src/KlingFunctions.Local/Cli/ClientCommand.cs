using System.CommandLine;
using System.Net;

namespace KlingFunctions.Local.Cli;

/// <summary>A verb that speaks to a host, wherever that is.</summary>
internal abstract class ClientCommand : Command
{
    private readonly Option<string> _url = new("--url")
    {
        Description = "The host to speak to (or KLING_URL).",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("KLING_URL") is { Length: > 0 } url ? url : "http://127.0.0.1:7071",
    };

    private readonly Option<string?> _key = new("--key")
    {
        // Not a default value: help would show it.
        Description = "The host's key, if it has one. Better in KLING_KEY, where no list of processes shows it.",
    };

    private readonly Option<bool> _json = new("--json") { Description = "JSON on stdout, as the host gives it; everything else on stderr." };

    protected ClientCommand(string name, string description, Terminal terminal)
        : base(name, description)
    {
        Options.Add(_url);
        Options.Add(_key);
        Options.Add(_json);
        SetAction(async (parsed, cancel) =>
        {
            var voice = new Voice(terminal, parsed.GetValue(_json));
            var key = parsed.GetValue(_key) ?? Environment.GetEnvironmentVariable("KLING_KEY");
            using var deployment = new Deployment(parsed.GetValue(_url)!, key, terminal.Time);
            try
            {
                return await RunAsync(deployment, voice, parsed, cancel);
            }
            catch (RefusedException refused)
            {
                return Tell(refused, voice, hasKey: !string.IsNullOrWhiteSpace(key));
            }
        });
    }

    /// <summary>The argument of the verbs that are about one job.</summary>
    protected static Argument<string> JobId()
    {
        var id = new Argument<string>("ID") { Description = "The job's id, as 'submit' and 'list' give it." };
        id.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: ['-', ..] } option]) given.AddError($"'{option.Value}' is neither an option of this command nor a job's id.");
        });
        return id;
    }

    protected abstract Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel);

    /// <summary>The path of a job, or of something below it.</summary>
    protected static string PathOf(string id, string below = "") => $"/api/videos/{Uri.EscapeDataString(id)}{below}";

    private static int Tell(RefusedException refused, Voice voice, bool hasKey)
    {
        if (refused.Problem is not null) voice.ResultAsJson(refused.Answer);
        if (refused.Problem?.Errors is { Count: > 0 } faults)
        {
            voice.Say($"{refused.Problem.Title}:");
            voice.Faults(faults);
        }
        else
        {
            // Azure says nothing in a 401.
            if (refused is not { Status: HttpStatusCode.Unauthorized, Problem: null }) voice.Say(refused.Message);
            if (refused.Status is HttpStatusCode.Unauthorized)
            {
                voice.Say(hasKey
                    ? "The host refuses this key: compare the one in --key or KLING_KEY with the host's own."
                    : "The host wants its key: put it into the environment variable KLING_KEY, or give it with --key.");
            }
        }
        if (refused.RetryAfter is { } wait) voice.Say($"Ask again in {Elapsed.Of(wait)}.");
        return ExitCodes.Of(refused.Status);
    }
}
