using System.CommandLine;
using System.Net;

namespace KlingFunctions.Local.Cli;

/// <summary>A verb that calls a host, on this machine or elsewhere.</summary>
internal abstract class ClientCommand : Command
{
    private const string EmptyId = "The id is empty: is a variable of your script not set?";

    private readonly DeploymentOptions _deployment = new();

    private readonly Option<bool> _json = new("--json") { Description = "JSON on stdout, as the host gives it; everything else on stderr." };

    protected ClientCommand(string name, string description, Terminal terminal)
        : base(name, description)
    {
        _deployment.AddTo(this);
        Options.Add(_json);
        SetAction(async (parsed, cancellationToken) =>
        {
            var commandOutput = new CommandOutput(terminal, parsed.GetValue(_json), new(terminal.Program, _deployment.UrlOf(parsed)));
            using var deployment = _deployment.Open(parsed, terminal.Time);
            deployment.Outage = sentence =>
            {
                if (sentence is not null) commandOutput.Say(sentence);
            };
            try
            {
                return await RunAsync(deployment, commandOutput, parsed, cancellationToken);
            }
            catch (RefusedException refused)
            {
                return Explain(refused, commandOutput, hasKey: !string.IsNullOrWhiteSpace(_deployment.KeyOf(parsed)));
            }
        });
    }

    /// <summary>The argument of verbs for one job.</summary>
    protected static Argument<string> JobId()
    {
        var id = new Argument<string>("ID") { Description = "The job's id, as 'submit' and 'list' give it." };
        id.Validators.Add(given =>
        {
            if (given.Tokens is [{ Value: ['-', ..] } option]) given.AddError($"'{option.Value}' is neither an option of this command nor a job's id.");
            if (given.Tokens is [{ Value: var value }] && string.IsNullOrWhiteSpace(value)) given.AddError(EmptyId);
        });
        return id;
    }

    /// <summary>The argument of verbs for any number of jobs.</summary>
    protected static Argument<string[]> JobIds()
    {
        var ids = new Argument<string[]>("ID") { Description = "The jobs' ids, as 'submit' and 'list' give them.", Arity = ArgumentArity.ZeroOrMore };
        ids.Validators.Add(given =>
        {
            foreach (var token in given.Tokens.Where(token => token.Value.StartsWith('-')))
                given.AddError($"'{token.Value}' is neither an option of this command nor a job's id.");
            if (given.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value))) given.AddError(EmptyId);
        });
        return ids;
    }

    /// <summary>Refuses options that are given without a value: an empty variable of a script must not change what the command does.</summary>
    internal static void RefuseEmpty(params Option<string?>[] options)
    {
        foreach (var option in options)
        {
            option.Validators.Add(given =>
            {
                if (given.Tokens is [{ Value: var value }] && string.IsNullOrWhiteSpace(value)) given.AddError($"{option.Name} is empty: give a value, or leave it out.");
            });
        }
    }

    protected abstract Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken);

    /// <summary>The path of a job, or of something below it.</summary>
    protected static string PathOf(string id, string below = "") => $"/api/videos/{Uri.EscapeDataString(id)}{below}";

    private static int Explain(RefusedException refused, CommandOutput commandOutput, bool hasKey)
    {
        if (refused.Problem is not null) commandOutput.ResultAsJson(refused.Answer);
        if (refused.Problem?.Errors is { Count: > 0 } faults)
        {
            commandOutput.Say($"{refused.Problem.Title}:");
            commandOutput.Faults(faults);
        }
        else
        {
            // A 401 of Azure Functions has no text.
            if (refused is not { Status: HttpStatusCode.Unauthorized, Problem: null }) commandOutput.Say(InCommands(refused.Message, commandOutput.Hints));
            if (refused.Status is HttpStatusCode.Unauthorized)
            {
                commandOutput.Say(hasKey
                    ? "The host refuses this key: compare the one in --key or KLING_KEY with the host's own."
                    : "The host wants its key: put it into the environment variable KLING_KEY, or give it with --key.");
            }
        }
        if (refused.RetryAfter is { } wait) commandOutput.Say($"Ask again in {Elapsed.Of(wait)}.");
        return (refused.Problem, ExitCodes.Of(refused.Status)) switch
        {
            // Another program answered, and refused nothing.
            (null, ExitCodes.BadData) => ExitCodes.Unavailable,
            var (_, code) => code,
        };
    }

    /// <summary>Replaces a call in a message of the host with the matching command.</summary>
    protected static string InCommands(string message, Hints hints) =>
        message.Replace("; GET /api/videos lists those that there are.", $". List the jobs with: {hints.For("list")}", StringComparison.Ordinal);
}
