using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The values of a webhook's <c>type</c>.</summary>
public static class EventTypes
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<string> All = ["video.succeeded", "video.failed", "video.cancelled"];

    /// <summary>The type for a job that ended so.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The job has not ended.</exception>
    public static string Of(JobStatus status) => status switch
    {
        JobStatus.Succeeded => "video.succeeded",
        JobStatus.Failed => "video.failed",
        JobStatus.Cancelled => "video.cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Only a job that has ended is told of."),
    };
}
