using System.CommandLine;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>status</c>: shows a job or a batch.</summary>
internal sealed class StatusCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();

    public StatusCommand(Terminal terminal)
        : base("status", "Shows the current state of a job or of a batch.", terminal) => Arguments.Add(_id);

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var id = parsed.GetValue(_id)!;
        if (Batches.IsId(id))
        {
            var batch = await deployment.GetAsync(BatchWatching.PathOf(id), cancellationToken);
            commandOutput.Result(batch, console => console.Facts(BatchText.Details(batch.As<BatchResource>())));
            return ExitCodes.Success;
        }
        var answer = await deployment.GetAsync(PathOf(id), cancellationToken);
        commandOutput.Result(answer, console => console.Facts(JobText.Details(answer.As<VideoResource>(), commandOutput.Hints)));
        return ExitCodes.Success;
    }
}
