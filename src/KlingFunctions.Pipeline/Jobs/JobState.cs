using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The status of a job. It moves down this list and ends in one of the last three.</summary>
public enum JobStatus
{
    /// <summary>Saved; waiting to start.</summary>
    Accepted,

    /// <summary>The images are being checked. Nothing is paid yet.</summary>
    Validating,

    /// <summary>The job is being submitted to RunComfy.</summary>
    Submitting,

    /// <summary>In RunComfy's queue, and paid for.</summary>
    InQueue,

    /// <summary>RunComfy is generating.</summary>
    InProgress,

    /// <summary>The finished video is being copied into the store.</summary>
    Storing,

    /// <summary>The video is stored.</summary>
    Succeeded,

    /// <summary>Ended without a stored video: see the error.</summary>
    Failed,

    /// <summary>The job was cancelled.</summary>
    Cancelled,
}

/// <summary>The job at RunComfy.</summary>
/// <param name="RequestId">RunComfy's id of the paid request.</param>
/// <param name="Status">RunComfy's own word for its state, from the last poll.</param>
/// <param name="QueuePosition">The place in its queue, if RunComfy says so.</param>
public sealed record ProviderState(string RequestId, string? Status = null, int? QueuePosition = null);

/// <summary>Further stored files, which a status has no room to describe.</summary>
/// <param name="Count">The number of files.</param>
/// <param name="First">The name of the first.</param>
/// <param name="Last">The name of the last. Names count on from one to the other.</param>
public sealed record UnlistedOutputs(int Count, string First, string Last);

/// <summary>A receiver of the job's end: the request's own webhook, or a subscription.</summary>
/// <param name="Id"><c>webhook</c>, or the subscription's id.</param>
/// <param name="Host">The host of its URL: the only part that is ever shown.</param>
/// <param name="NotificationId">The instance id of the child workflow that notifies it.</param>
/// <param name="After">The delay before the first try; null: none.</param>
public sealed record Receiver(string Id, string Host, string NotificationId, TimeSpan? After = null);

/// <summary>
/// The state of a job: the workflow's custom status and final result. Small, and without secrets.
/// </summary>
public sealed record JobState
{
    /// <summary>The job's status.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>When the state last changed (UTC).</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The job at RunComfy; null before the submission.</summary>
    public ProviderState? Provider { get; init; }

    /// <summary>When RunComfy accepted it (UTC).</summary>
    public DateTimeOffset? SubmittedAt { get; init; }

    /// <summary>When the wait for RunComfy ends (UTC).</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>When RunComfy is expected to have finished (UTC); null when not known, and once it has.</summary>
    public DateTimeOffset? ExpectedAt { get; init; }

    /// <summary>The stored files; the first is the video.</summary>
    public IReadOnlyList<StoredFile> Outputs { get; init; } = [];

    /// <summary>The stored files that had no room among <see cref="Outputs"/>; null if there are none.</summary>
    public UnlistedOutputs? Unlisted { get; init; }

    /// <summary>The cost of the video, if RunComfy's answer has it.</summary>
    public Cost? Cost { get; init; }

    /// <summary>Why it failed; null otherwise.</summary>
    public JobError? Error { get; init; }

    /// <summary>Permanent notes for the owner that need no action.</summary>
    public IReadOnlyList<Fault> Warnings { get; init; } = [];

    /// <summary>A present problem that the job waits out: an expired token, an empty balance, an unreachable provider.</summary>
    [JsonPropertyName("attention")]
    public Fault? PendingIssue { get; init; }

    /// <summary>When the intent of a refused submission was written that could not be deleted yet (UTC); null if there is none.</summary>
    public DateTimeOffset? RefusedIntent { get; init; }

    /// <summary>The receivers that are or were notified that the job ended.</summary>
    public IReadOnlyList<Receiver> Receivers { get; init; } = [];

    /// <summary>The state of a job before its first report.</summary>
    public static JobState Initial(VideoJob job) =>
        job.State ?? new() { Status = JobStatus.Accepted, UpdatedAt = job.CreatedAt, Warnings = job.Warnings };

    /// <summary>True for the three statuses in which a job ends.</summary>
    public bool HasEnded() => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;
}
