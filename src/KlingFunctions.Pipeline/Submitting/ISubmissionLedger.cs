namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The ledger's entry for one submission.</summary>
/// <param name="Key">The key of the entry.</param>
/// <param name="IntendedAt">When the intent was written, before the paid POST (UTC).</param>
/// <param name="RequestId">RunComfy's id; null until the answer to the POST is known, or if it was lost.</param>
/// <param name="SubmittedAt">When the id was written (UTC).</param>
/// <param name="MayBeUnderWay">
/// True if another run of the submit step may still be in the POST: a missing id does not mean a lost answer yet.
/// </param>
public sealed record Submission(string Key, DateTimeOffset IntendedAt, string? RequestId, DateTimeOffset? SubmittedAt, bool MayBeUnderWay);

/// <summary>
/// The record of paid submissions. The intent is written before the POST and the request id after it, so a crash in between leaves a
/// trace and nothing is paid twice.
/// </summary>
public interface ISubmissionLedger
{
    /// <summary>The submission under this key; null if none was intended, or if it was withdrawn.</summary>
    Task<Submission?> FindAsync(string key, CancellationToken cancellationToken);

    /// <summary>Writes the intent, durably, unless there is one under this key.</summary>
    /// <returns>False if there is one: its writer has the right to POST, not the caller.</returns>
    Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Writes the request id of an accepted submission, durably. Idempotent for the same id.</summary>
    Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes an intent: the provider provably accepted nothing. Submissions with a request id and intents of another time stay.
    /// </summary>
    Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken);

    /// <summary>Deletes every submission of a job: all keys that begin with its id. Idempotent.</summary>
    Task ForgetAsync(string jobId, CancellationToken cancellationToken);
}
