using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>Follows a batch to its end.</summary>
internal sealed class BatchWatching(Deployment deployment, CommandOutput commandOutput, string id)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Shows each change, and in the end the batch; returns the exit code.</summary>
    public async Task<int> ToTheEndAsync(CancellationToken cancellationToken)
    {
        var said = "";
        try
        {
            while (true)
            {
                var answer = await deployment.GetAsync(PathOf(id), cancellationToken, waits: true);
                var batch = answer.As<BatchResource>();
                if (batch.Status is BatchStatus.Finished)
                {
                    commandOutput.Result(answer, console => console.Facts(BatchText.Details(batch)));
                    return batch.Succeeded == batch.Accepted ? ExitCodes.Success : ExitCodes.Failed;
                }
                if (BatchText.Line(batch) is var line && line != said) commandOutput.Progress.Say(said = line);
                await Task.Delay(LookAgainAfter, commandOutput.Time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            commandOutput.Say($"Stopped watching. The jobs go on. Look again with: {commandOutput.Hints.For($"watch {id}")}");
            commandOutput.Say($"Ask them to stop with: {commandOutput.Hints.For($"cancel --batch {id}")}");
            return ExitCodes.Interrupted;
        }
    }

    /// <summary>The path of a batch.</summary>
    public static string PathOf(string id) => $"/api/batches/{Uri.EscapeDataString(id)}";
}
