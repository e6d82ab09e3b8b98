using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline;

/// <summary>
/// Frees stale places, and deletes jobs that ended longer than <c>Pipeline:KeepFor</c> ago, with their history, notifications, dead letters
/// and ledger entries; and posted images that no job has used for longer. The stored videos stay. An <c>Idempotency-Key</c> may then be
/// used again.
/// </summary>
public sealed partial class OldJobs(
    IJobs jobs, ISubmissionLedger ledger, StalePlaces places, DeadLetters deadLetters, IUploads uploads, IAssetStore assets, Batches batches, Retention retention, TimeProvider time, ILogger<OldJobs> logger)
{
    // Runs every hour; Azure would end a function after half an hour, and with it all other work of its process.
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(20);

    // A job ends, and is deleted, some time later than the last check of its images.
    private static readonly TimeSpan AssetsOutliveJobs = TimeSpan.FromDays(7);

    /// <summary>
    /// Deletes old jobs, for 20 minutes at most, and leaves the rest to the next run. Idempotent, and safe to interrupt.
    /// </summary>
    /// <returns>The number of jobs deleted.</returns>
    public async Task<int> ForgetAsync(CancellationToken cancellationToken)
    {
        await places.SweepAsync(cancellationToken);
        if (retention.Limit is not { } before) return 0;
        var forgotten = 0;
        var begun = time.GetTimestamp();
        await foreach (var job in jobs.AcceptedBeforeAsync(before, cancellationToken))
        {
            if (time.GetElapsedTime(begun) > AtMost) break;
            if (!retention.IsOver(job) || !IsDone(job) || !await UploadIsOnRecordAsync(job.Job, cancellationToken)) continue;
            await deadLetters.RemoveOfJobAsync(job.Job.Id, cancellationToken);
            // The job itself comes last: after an interruption, the next run finds it again.
            await ledger.ForgetAsync(job.Job.Id, cancellationToken);
            if (job.Job.Batch is { } place) await ForgetBatchAsync(place.Id, before, cancellationToken);
            await jobs.ForgetAsync(job, cancellationToken);
            forgotten++;
        }
        if (await assets.ForgetUnusedAsync(before - AssetsOutliveJobs, cancellationToken) is > 0 and var unused) LogAssetsForgotten(logger, unused);
        if (forgotten > 0) LogForgotten(logger, forgotten, before);
        return forgotten;
    }

    /// <summary>
    /// Deletes a batch with the last of its jobs: until then it keeps those that are deleted from starting again, when the batch is sent again
    /// for its rest. A batch not fully accepted does not wait.
    /// </summary>
    private async Task ForgetBatchAsync(string id, DateTimeOffset before, CancellationToken cancellationToken)
    {
        if (await batches.FindAsync(id, cancellationToken) is not { } batch) return;
        if (batch.Batch.Accepted is not null && (!batch.IsFinished || batch.LastEndAt > before)) return;
        await deadLetters.RemoveOfJobAsync(id, cancellationToken);
        await jobs.ForgetNotificationsAsync(id, cancellationToken);
        await batches.ForgetAsync(id, cancellationToken);
    }

    private static bool IsDone(JobSnapshot job) => job.State.HasEnded() && job.Notifications.All(n => n.State is not DeliveryState.Pending);

    /// <summary>
    /// Only a record, or the job itself, keeps an upload from starting its job again. While the uploads are unavailable, the job stays.
    /// </summary>
    private async Task<bool> UploadIsOnRecordAsync(VideoJob job, CancellationToken cancellationToken) =>
        job.Upload is not { } path || await uploads.TryRecordAsync(new(job.Id, path, "", job.CreatedAt), cancellationToken);

    [LoggerMessage(LogLevel.Information, "{Count} images that no job has used for long were deleted.")]
    private static partial void LogAssetsForgotten(ILogger logger, int count);

    [LoggerMessage(LogLevel.Information, "{Count} jobs that ended before {Before} were deleted; their videos stay.")]
    private static partial void LogForgotten(ILogger logger, int count, DateTimeOffset before);
}
