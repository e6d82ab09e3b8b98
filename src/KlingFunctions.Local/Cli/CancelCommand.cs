using System.CommandLine;

namespace KlingFunctions.Local.Cli;

/// <summary><c>cancel</c>: asks a job to stop.</summary>
internal sealed class CancelCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();

    public CancelCommand(Terminal terminal)
        : base("cancel", "Asks a job to stop. RunComfy cancels only what is still in its queue.", terminal) => Arguments.Add(_id);

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var id = parsed.GetValue(_id)!;
        var answer = await deployment.PostAsync(PathOf(id, "/cancel"), null, cancel);
        voice.Result(answer, console => console.Say($"{id} is asked to cancel. 'watch {id}' tells what comes of it: what RunComfy is generating already goes on."));
        return ExitCodes.Success;
    }
}
