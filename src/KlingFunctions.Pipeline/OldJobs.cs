using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline;

/// <summary>
/// Frees stale places, and forgets jobs that ended longer than <c>Pipeline:KeepFor</c> ago: their history, their notifications, their dead letters
/// and their ledger entries. The stored videos stay. An <c>Idempotency-Key</c> may then be used anew.
/// </summary>
public sealed partial class OldJobs(
    IJobs jobs, ISubmissionLedger ledger, StalePlaces places, DeadLetters deadLetters, IUploads uploads, Retention retention, TimeProvider time, ILogger<OldJobs> logger)
{
    // Asked every hour; Azure would end a function after half of one, and with it whatever else its process does.
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(20);

    /// <summary>
    /// Forgets what is old enough, for 20 minutes at most, and leaves the rest to the next time; how many jobs that were. Safe to break off
    /// and to repeat.
    /// </summary>
    public async Task<int> ForgetAsync(CancellationToken cancel)
    {
        await places.SweepAsync(cancel);
        if (retention.Limit is not { } before) return 0;
        var forgotten = 0;
        var begun = time.GetTimestamp();
        await foreach (var job in jobs.AcceptedBeforeAsync(before, cancel))
        {
            if (time.GetElapsedTime(begun) > AtMost) break;
            if (!retention.IsOver(job) || !IsDone(job) || !await UploadIsOnRecordAsync(job.Job, cancel)) continue;
            await deadLetters.RemoveOfJobAsync(job.Job.Id, cancel);
            // The job itself comes last: if this breaks off in between, the next time finds it again.
            await ledger.ForgetAsync(job.Job.Id, cancel);
            await jobs.ForgetAsync(job, cancel);
            forgotten++;
        }
        if (forgotten > 0) LogForgotten(logger, forgotten, before);
        return forgotten;
    }

    private static bool IsDone(JobSnapshot job) => job.State.HasEnded() && job.Notifications.All(n => n.State is not DeliveryState.Pending);

    /// <summary>
    /// Nothing else would keep the upload from starting its job anew. While the uploads are away, the job is kept: what lies there can't be seen.
    /// </summary>
    private async Task<bool> UploadIsOnRecordAsync(VideoJob job, CancellationToken cancellationToken) =>
        job.Upload is not { } path || await uploads.TryRecordAsync(new(job.Id, path, "", job.CreatedAt), cancellationToken);

    [LoggerMessage(LogLevel.Information, "{Count} jobs that ended before {Before} were forgotten; their videos stay.")]
    private static partial void LogForgotten(ILogger logger, int count, DateTimeOffset before);
}
