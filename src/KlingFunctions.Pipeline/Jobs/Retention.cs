using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The time that ended jobs are stored: <c>Pipeline:KeepFor</c>.</summary>
public sealed class Retention(IOptions<PipelineOptions> options, TimeProvider time)
{
    /// <summary>Jobs that ended up to this time (UTC) may be deleted; null: jobs are never deleted.</summary>
    public DateTimeOffset? Limit => options.Value.KeepFor == TimeSpan.Zero ? null : time.GetUtcNow() - options.Value.KeepFor;

    /// <summary>
    /// Whether a job may be deleted at any moment. Such a job must not be resumed: its deletion would remove the ledger entry of the new
    /// submission.
    /// </summary>
    public bool IsOver(JobSnapshot job) => !job.IsRunning && job.State.UpdatedAt <= Limit;
}
