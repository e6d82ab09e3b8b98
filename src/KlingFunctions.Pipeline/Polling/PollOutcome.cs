using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>The input of a poll.</summary>
/// <param name="JobId">The job's id.</param>
/// <param name="RequestId">RunComfy's id.</param>
/// <param name="SubmittedAt">When it was submitted (UTC).</param>
/// <param name="FailedPolls">Consecutive failed polls.</param>
/// <param name="NotFoundPolls">Consecutive polls in which RunComfy did not know the request.</param>
/// <param name="Duration">The duration of the video, on which run times depend.</param>
/// <param name="Seen">Observations of earlier polls.</param>
public sealed record PollInput(
    string JobId, string RequestId, DateTimeOffset SubmittedAt, [property: JsonPropertyName("faults")] int FailedPolls, [property: JsonPropertyName("missing")] int NotFoundPolls, string? Duration = null, Sightings? Seen = null);

/// <summary>The result of a poll.</summary>
public enum PollResult
{
    /// <summary>The state is unknown: see the pending issue.</summary>
    Unknown,

    /// <summary>The request is in RunComfy's queue.</summary>
    Queued,

    /// <summary>The video is being generated.</summary>
    Running,

    /// <summary>The result reports success.</summary>
    Succeeded,

    /// <summary>RunComfy reports a failure, or no longer knows the request: see the error.</summary>
    Failed,

    /// <summary>RunComfy reports that the request was cancelled.</summary>
    Cancelled,
}

/// <summary>The outcome of a poll.</summary>
/// <param name="Result">The result.</param>
/// <param name="Delay">The wait before the next poll.</param>
/// <param name="Word">RunComfy's own word.</param>
/// <param name="QueuePosition">The place in its queue, if RunComfy says so.</param>
/// <param name="PendingIssue">The problem that the job waits out.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="NotFoundPolls">Consecutive polls, this one included, in which RunComfy did not know the request.</param>
/// <param name="Seen">Observations of all polls so far; null if this one added none.</param>
/// <param name="ExpectedAt">When the video is expected to be finished (UTC); null when not known.</param>
public sealed record PollOutcome(
    PollResult Result, TimeSpan Delay, string? Word = null, int? QueuePosition = null, [property: JsonPropertyName("attention")] Fault? PendingIssue = null, JobError? Error = null,
    [property: JsonPropertyName("missing")] int NotFoundPolls = 0, Sightings? Seen = null, DateTimeOffset? ExpectedAt = null);
