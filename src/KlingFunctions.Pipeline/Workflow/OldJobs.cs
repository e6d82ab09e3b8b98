using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Workflow;

/// <summary>
/// Forgets jobs that ended longer than <c>Pipeline:KeepFor</c> ago: their history, their notifications, their ledger entries and a place
/// in flight that was never given back. The stored videos stay. An <c>Idempotency-Key</c> may then be used anew.
/// </summary>
public sealed partial class OldJobs(
    IJobs jobs, ISubmissionLedger ledger, IQuota quota, IOptions<PipelineOptions> options, TimeProvider time, ILogger<OldJobs> logger)
{
    /// <summary>Forgets what is old enough; how many jobs that were. Safe to break off and to repeat.</summary>
    public async Task<int> ForgetAsync(CancellationToken cancel)
    {
        if (options.Value.KeepFor == TimeSpan.Zero) return 0;
        var before = time.GetUtcNow() - options.Value.KeepFor;
        var forgotten = 0;
        await foreach (var job in jobs.AcceptedBeforeAsync(before, cancel))
        {
            if (!IsDone(job) || job.State.UpdatedAt > before) continue;
            // The job itself comes last: if this breaks off in between, the next time finds it again.
            await ledger.ForgetAsync(job.Job.Id, cancel);
            // A workflow that broke may have kept it, and nobody could resume it any more.
            if (job.Job.Capped) await quota.LeaveAsync(job.Job.Id, cancel);
            await jobs.ForgetAsync(job, cancel);
            forgotten++;
        }
        if (forgotten > 0) LogForgotten(logger, forgotten, before);
        return forgotten;
    }

    private static bool IsDone(JobSnapshot job) =>
        !job.IsRunning && job.State.HasEnded() && job.Notifications.All(n => n.State is not DeliveryState.Pending);

    [LoggerMessage(LogLevel.Information, "{Count} jobs that ended before {Before} were forgotten; their videos stay.")]
    private static partial void LogForgotten(ILogger logger, int count, DateTimeOffset before);
}
