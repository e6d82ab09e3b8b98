using System.Runtime.CompilerServices;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>Follows a job to its end.</summary>
internal sealed class Watching(Deployment deployment, CommandOutput commandOutput, string id)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);

    private Answer _last = null!;
    private VideoResource _job = null!;

    /// <summary>
    /// Shows the job until its end, and downloads the video if <paramref name="output"/> names a file; returns the exit code.
    /// </summary>
    public async Task<int> ToTheEndAsync(string? output, CancellationToken cancellationToken)
    {
        try
        {
            await RefreshAsync(cancellationToken);
            var progress = new JobProgress(commandOutput.Progress, commandOutput.Time, _job.CreatedAt);
            if (commandOutput.Progress.CanRedraw()) deployment.Outage = progress.Remark;
            await progress.ShowAsync(MomentsAsync(cancellationToken), cancellationToken);
            if (output is not null && _job.Video is { } video) await new Download(deployment, commandOutput.Time).ToFileAsync(_job.Id, video, output, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            commandOutput.Say($"Stopped watching. The job goes on. Look again with: {commandOutput.Hints.For($"watch {id}")}");
            commandOutput.Say($"Ask it to stop with: {commandOutput.Hints.For($"cancel {id}")}");
            return ExitCodes.Interrupted;
        }
        commandOutput.Result(_last, console =>
        {
            console.Say();
            console.Facts(JobText.Details(_job, commandOutput.Hints));
            if (output is not null && _job.Video is not null) console.Say($"Saved as {Path.GetFullPath(output)}");
        });
        return _job.Status is JobStatus.Succeeded ? ExitCodes.Success : ExitCodes.Failed;
    }

    private async IAsyncEnumerable<JobMoment> MomentsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var hasEnded = _job.Status > JobStatus.Storing;
            yield return new(_job.Status, hasEnded ? _job.UpdatedAt : commandOutput.Time.GetUtcNow(), JobText.Note(_job, commandOutput.Hints), _job.ExpectedAt);
            if (hasEnded) yield break;
            await Task.Delay(LookAgainAfter, commandOutput.Time, cancellationToken);
            await RefreshAsync(cancellationToken);
        }
    }

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        _last = await deployment.GetAsync($"/api/videos/{Uri.EscapeDataString(id)}", cancellationToken, waits: true);
        _job = _last.As<VideoResource>();
    }
}
