using System.CommandLine;

namespace KlingFunctions.Local.Cli;

/// <summary><c>redeliver</c>: tells the receivers of a job's webhooks once more.</summary>
internal sealed class RedeliverCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();

    public RedeliverCommand(Terminal terminal)
        : base("redeliver", "Sends a job's webhooks again: those that were given up, or else all.", terminal) => Arguments.Add(_id);

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var id = parsed.GetValue(_id)!;
        var answer = await deployment.PostAsync(PathOf(id, "/redeliver"), null, cancel);
        voice.Result(answer, console => console.Say($"The receivers of {id} are being told again. 'status {id}' says how that goes."));
        return ExitCodes.Success;
    }
}
