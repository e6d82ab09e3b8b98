using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>What a poll needs to know.</summary>
/// <param name="JobId">Whose.</param>
/// <param name="RequestId">RunComfy's id.</param>
/// <param name="SubmittedAt">When it was submitted (UTC).</param>
/// <param name="Faults">How many polls in a row have failed.</param>
/// <param name="Missing">In how many polls in a row RunComfy did not know the request.</param>
public sealed record PollInput(string JobId, string RequestId, DateTimeOffset SubmittedAt, int Faults, int Missing);

/// <summary>What a poll says of the request.</summary>
public enum PollResult
{
    /// <summary>Nothing new could be learnt: see the attention.</summary>
    Unknown,

    /// <summary>It waits in RunComfy's queue.</summary>
    Queued,

    /// <summary>It is being generated.</summary>
    Running,

    /// <summary>There is a result, and it says success.</summary>
    Succeeded,

    /// <summary>RunComfy says that it failed, or that it no longer knows it: see the error.</summary>
    Failed,

    /// <summary>RunComfy says that it was cancelled.</summary>
    Cancelled,
}

/// <summary>What came of a poll.</summary>
/// <param name="Result">What it says of the request.</param>
/// <param name="Delay">How long to wait before the next poll.</param>
/// <param name="Word">RunComfy's own word.</param>
/// <param name="QueuePosition">The place in its queue, where it says so.</param>
/// <param name="Attention">What is wrong and is being waited out.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="Missing">In how many polls in a row, this one included, RunComfy did not know the request.</param>
public sealed record PollOutcome(
    PollResult Result, TimeSpan Delay, string? Word = null, int? QueuePosition = null, Fault? Attention = null, JobError? Error = null,
    int Missing = 0);
