using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Where a job is. It moves down this list and ends in one of the last three.</summary>
public enum JobStatus
{
    /// <summary>Written down; waiting for its turn.</summary>
    Accepted,

    /// <summary>Its images are being checked. Nothing is paid yet.</summary>
    Validating,

    /// <summary>It is being submitted to RunComfy.</summary>
    Submitting,

    /// <summary>RunComfy has it in its queue. It is paid for.</summary>
    InQueue,

    /// <summary>RunComfy is generating.</summary>
    InProgress,

    /// <summary>The finished video is being copied into the store.</summary>
    Storing,

    /// <summary>The video is stored.</summary>
    Succeeded,

    /// <summary>It ended without a stored video: see the error.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}

/// <summary>What is known of the job at RunComfy.</summary>
/// <param name="RequestId">RunComfy's id of the paid request.</param>
/// <param name="Status">RunComfy's own word for its state, as last heard.</param>
/// <param name="QueuePosition">The place in its queue, where it says so.</param>
public sealed record ProviderState(string RequestId, string? Status = null, int? QueuePosition = null);

/// <summary>Files that are stored as the others are, and that a status has no room to describe.</summary>
/// <param name="Count">How many.</param>
/// <param name="First">The name of the first.</param>
/// <param name="Last">The name of the last. Names count on from one to the other.</param>
public sealed record UnlistedOutputs(int Count, string First, string Last);

/// <summary>Who is told when a job ends: the request's own webhook, or a subscription.</summary>
/// <param name="Id"><c>webhook</c>, or the subscription's id.</param>
/// <param name="Host">The host of its URL: all that is ever shown of it.</param>
/// <param name="NotificationId">The instance id of the child workflow that tells it.</param>
/// <param name="After">How long to wait before the first try; null: not at all.</param>
public sealed record Receiver(string Id, string Host, string NotificationId, TimeSpan? After = null);

/// <summary>
/// The state of a job: what the workflow reports as its custom status and returns in the end. Small, and without secrets.
/// </summary>
public sealed record JobState
{
    /// <summary>Where the job is.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>When something about it last changed (UTC).</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>What is known of it at RunComfy; null before the submission.</summary>
    public ProviderState? Provider { get; init; }

    /// <summary>When RunComfy accepted it (UTC).</summary>
    public DateTimeOffset? SubmittedAt { get; init; }

    /// <summary>When waiting for RunComfy ends (UTC).</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>The stored files; the first is the video.</summary>
    public IReadOnlyList<StoredFile> Outputs { get; init; } = [];

    /// <summary>The stored files that had no room among <see cref="Outputs"/>; null if there are none.</summary>
    public UnlistedOutputs? Unlisted { get; init; }

    /// <summary>Why it failed; null otherwise.</summary>
    public JobError? Error { get; init; }

    /// <summary>What the owner should know and need not act upon, for good.</summary>
    public IReadOnlyList<Fault> Warnings { get; init; } = [];

    /// <summary>What is wrong just now and is being waited out: an expired token, an empty balance, an unreachable provider.</summary>
    public Fault? Attention { get; init; }

    /// <summary>When the intent of a refused submission was written that could not be taken back yet (UTC); null if there is none.</summary>
    public DateTimeOffset? RefusedIntent { get; init; }

    /// <summary>Who was told, or is being told, that the job ended.</summary>
    public IReadOnlyList<Receiver> Receivers { get; init; } = [];

    /// <summary>The state of a job of which nothing has been reported yet.</summary>
    public static JobState Initial(VideoJob job) =>
        job.State ?? new() { Status = JobStatus.Accepted, UpdatedAt = job.CreatedAt, Warnings = job.Warnings };

    /// <summary>True for the three statuses in which a job ends.</summary>
    public bool HasEnded() => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;
}
