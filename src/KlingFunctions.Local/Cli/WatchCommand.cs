using System.CommandLine;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>watch</c>: shows the progress of a job, or of a batch, until it ends.</summary>
internal sealed class WatchCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();
    private readonly Option<string?> _output = new("--output") { Description = "Save the video in this file.", HelpName = "FILE" };

    public WatchCommand(Terminal terminal)
        : base("watch", "Follows a job, or a batch, to its end. Ctrl-C stops watching, not the job.", terminal)
    {
        Arguments.Add(_id);
        Options.Add(_output);
        Validators.Add(result =>
        {
            if (result.GetResult(_output) is not null && Batches.IsId(result.GetValue(_id) ?? "")) result.AddError("--output saves one video: give the id of its job.");
        });
    }

    protected override Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_output) is { } output && Download.FaultOf(output) is { } fault) throw new ExitException(ExitCodes.CantCreate, fault);
        return Batches.IsId(parsed.GetValue(_id)!) ? new BatchWatching(deployment, commandOutput, parsed.GetValue(_id)!).ToTheEndAsync(cancellationToken)
            : new Watching(deployment, commandOutput, parsed.GetValue(_id)!).ToTheEndAsync(parsed.GetValue(_output), cancellationToken);
    }
}
