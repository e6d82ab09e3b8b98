using System.CommandLine;

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
            using var deployment = new Deployment(
                parsed.GetValue(_url)!, parsed.GetValue(_key) ?? Environment.GetEnvironmentVariable("KLING_KEY"), terminal.Time);
            try
            {
                return await RunAsync(deployment, voice, parsed, cancel);
            }
            catch (RefusedException refused)
            {
                return Tell(refused, voice);
            }
        });
    }

    /// <summary>The argument of the verbs that are about one job.</summary>
    protected static Argument<string> JobId() => new("ID") { Description = "The job's id, as 'submit' and 'list' give it." };

    protected abstract Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel);

    /// <summary>The path of a job, or of something below it.</summary>
    protected static string PathOf(string id, string below = "") => $"/api/videos/{Uri.EscapeDataString(id)}{below}";

    private static int Tell(RefusedException refused, Voice voice)
    {
        if (refused.Problem is not null) voice.ResultAsJson(refused.Answer);
        if (refused.Problem?.Errors is { Count: > 0 } faults)
        {
            voice.Say($"{refused.Problem.Title}:");
            voice.Faults(faults);
        }
        else
        {
            voice.Say(refused.Message);
        }
        if (refused.RetryAfter is { } wait) voice.Say($"Ask again in {Elapsed.Of(wait)}.");
        return ExitCodes.Of(refused.Status);
    }
}
