namespace KlingFunctions.Pipeline.Submitting;

/// <summary>What the ledger knows of one submission.</summary>
/// <param name="Key">The key it is kept under.</param>
/// <param name="IntendedAt">When the intent was written, before the paid POST (UTC).</param>
/// <param name="RequestId">RunComfy's id; null while, or if, the answer to the POST is not known.</param>
/// <param name="SubmittedAt">When the id was written (UTC).</param>
/// <param name="MayBeUnderWay">
/// True if another run of the submit step may still be in the POST, so that a missing id does not mean a lost answer yet.
/// </param>
public sealed record Submission(string Key, DateTimeOffset IntendedAt, string? RequestId, DateTimeOffset? SubmittedAt, bool MayBeUnderWay);

/// <summary>
/// The record of what was paid for. The intent is written before the POST and the request id after it, so whatever dies in between
/// leaves a trace, and nobody pays twice for want of it.
/// </summary>
public interface ISubmissionLedger
{
    /// <summary>The submission under this key; null if none was ever intended (or it was withdrawn).</summary>
    Task<Submission?> FindAsync(string key, CancellationToken cancel);

    /// <summary>Writes the intent, durably, if and only if there is none under this key.</summary>
    /// <returns>False if there is one: whoever wrote it has the right to POST, not the caller.</returns>
    Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancel);

    /// <summary>Writes the request id of an accepted submission, durably. A repeat with the same id is harmless.</summary>
    Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancel);

    /// <summary>
    /// Takes an intent back: the provider provably accepted nothing. A submission with a request id stays, and so does an intent of another time.
    /// </summary>
    Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancel);

    /// <summary>Forgets every submission of a job: all keys that begin with its id. A repeat is harmless.</summary>
    Task ForgetAsync(string jobId, CancellationToken cancel);
}
