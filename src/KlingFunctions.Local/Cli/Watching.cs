using System.Runtime.CompilerServices;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>Follows a job of a host to its end.</summary>
internal sealed class Watching(Deployment deployment, Voice voice, string id)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);

    private Answer _last = null!;
    private VideoResource _job = null!;

    /// <summary>Shows the job's way and end, and downloads the video if <paramref name="output"/> names a file; the exit code.</summary>
    public async Task<int> ToTheEndAsync(string? output, CancellationToken cancel)
    {
        try
        {
            await LookAsync(cancel);
            await new JobProgress(voice.Progress, voice.Time, _job.CreatedAt).ShowAsync(MomentsAsync(cancel), cancel);
            if (output is not null && _job.Video is { } video) await new Download(deployment, voice.Time).ToFileAsync(_job.Id, video, output, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            voice.Say($"Stopped watching. The job goes on: 'watch {id}' looks again, 'cancel {id}' asks it to stop.");
            return ExitCodes.Interrupted;
        }
        voice.Result(_last, console =>
        {
            console.Say();
            console.Facts(JobText.Details(_job));
            if (output is not null && _job.Video is not null) console.Say($"Saved as {Path.GetFullPath(output)}");
        });
        return _job.Status is JobStatus.Succeeded ? ExitCodes.Success : ExitCodes.Failed;
    }

    private async IAsyncEnumerable<JobMoment> MomentsAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            var hasEnded = _job.Status > JobStatus.Storing;
            yield return new(_job.Status, hasEnded ? _job.UpdatedAt : voice.Time.GetUtcNow(), JobText.Note(_job));
            if (hasEnded) yield break;
            await Task.Delay(LookAgainAfter, voice.Time, cancel);
            await LookAsync(cancel);
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        _last = await deployment.GetAsync($"/api/videos/{Uri.EscapeDataString(id)}", cancel);
        _job = _last.As<VideoResource>();
    }
}
