using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The values of a webhook's <c>type</c>.</summary>
public static class EventTypes
{
    /// <summary>Every type of event.</summary>
    public static readonly IReadOnlyList<string> All = ["video.succeeded", "video.failed", "video.cancelled", BatchFinished];

    /// <summary>All jobs of a batch have ended. Its <c>data</c> is not a job, so only subscriptions that name this type get it.</summary>
    public const string BatchFinished = "batch.finished";

    /// <summary>The event type for a final status.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The job has not ended.</exception>
    public static string Of(JobStatus status) => status switch
    {
        JobStatus.Succeeded => "video.succeeded",
        JobStatus.Failed => "video.failed",
        JobStatus.Cancelled => "video.cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Only an ended job has an event type."),
    };
}
