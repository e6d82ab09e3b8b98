namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The status of a batch.</summary>
public enum BatchStatus
{
    /// <summary>Its items are being accepted. After an interruption, the same call resumes with the rest.</summary>
    Accepting,

    /// <summary>Some of its jobs run.</summary>
    Running,

    /// <summary>All of its jobs have ended.</summary>
    Finished,
}

/// <summary>A batch for its owner: the answer to a query, and the <c>data</c> of <c>batch.finished</c>.</summary>
/// <param name="Id">The batch's id.</param>
/// <param name="Status">Its status.</param>
/// <param name="CreatedAt">When it was received (UTC).</param>
/// <param name="Total">The number of items.</param>
/// <param name="Accepted">Items with a job; null while they are being accepted.</param>
/// <param name="Refused">Items without one; null while they are being accepted.</param>
/// <param name="Running">Jobs that run; null while items are being accepted.</param>
/// <param name="Succeeded">Jobs with a stored video.</param>
/// <param name="Failed">Jobs that failed.</param>
/// <param name="Cancelled">Jobs that were cancelled.</param>
/// <param name="Links">The possible queries, by name.</param>
public sealed record BatchResource(
    string Id, BatchStatus Status, DateTimeOffset CreatedAt, int Total, int? Accepted, int? Refused, int? Running, int Succeeded, int Failed, int Cancelled,
    IReadOnlyDictionary<string, string> Links);
