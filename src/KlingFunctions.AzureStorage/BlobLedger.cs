using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage;

/// <summary>The ledger, with one blob for each submission. A method's writes are durable when it completes.</summary>
internal sealed class BlobLedger(IDocuments documents, TimeProvider time) : ISubmissionLedger
{
    /// <summary>
    /// How long after an intent another run may still be inside the paid POST: the time limit for writing the intent, plus the longest call
    /// to RunComfy, plus the clock difference of two hosts.
    /// </summary>
    public static readonly TimeSpan LongestSubmission = IntendLimit + RunComfyClient.TimeLimit + ClockDifference;

    private const int MostTries = 10;

    /// <summary>
    /// The time limit for writing an intent. After it nothing may be submitted: other runs may assume that its writer is dead.
    /// </summary>
    private static TimeSpan IntendLimit => TimeSpan.FromSeconds(30);

    private static TimeSpan ClockDifference => TimeSpan.FromSeconds(30);

    public async Task<Submission?> FindAsync(string key, CancellationToken cancellationToken) => await ReadAsync(key, cancellationToken) is { Value: var entry }
        ? new(key, entry.IntendedAt, entry.RequestId, entry.SubmittedAt, entry.RequestId is null && time.GetUtcNow() - entry.IntendedAt < LongestSubmission)
        : null;

    public async Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // From here on only the time limit cancels: an intent that was written, but whose caller gave up, is a submission in doubt.
        using var limit = new CancellationTokenSource(IntendLimit, time);
        try
        {
            var entry = new LedgerEntry(Guid.NewGuid(), now);
            return await documents.TryWriteOwnAsync(NameOf(key), entry, StoredJson.Default.LedgerEntry, version: null, limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"The intent could not be written to the ledger within {IntendLimit.TotalSeconds} seconds, and nothing was submitted.", e);
        }
    }

    public async Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var existing = await ReadAsync(key, cancellationToken);
            if (existing?.Value.RequestId == requestId) return;
            var entry = existing?.Value ?? new LedgerEntry(Guid.NewGuid(), now);
            entry = entry with { RequestId = requestId, SubmittedAt = now };
            if (await documents.TryWriteAsync(NameOf(key), entry, StoredJson.Default.LedgerEntry, existing?.Version, cancellationToken) is not null) return;
            if (tries == MostTries) throw new IOException($"The ledger's entry {key} could not be written: another writer changed it at each try.");
        }
    }

    public async Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken)
    {
        // Deletes only the version that was read. A newer version has a request id, or is the intent of a run about to POST.
        if (await ReadAsync(key, cancellationToken) is { Value.RequestId: null } intent && intent.Value.IntendedAt == intendedAt)
            await documents.DeleteAsync(NameOf(key), intent.Version, cancellationToken);
    }

    public async Task ForgetAsync(string jobId, CancellationToken cancellationToken)
    {
        await foreach (var name in documents.ListAsync(NameOf(jobId), cancellationToken)) await documents.DeleteAsync(name, version: null, cancellationToken);
    }

    private static string NameOf(string key) => $"{Containers.Ledger}/{key}";

    private Task<Versioned<LedgerEntry>?> ReadAsync(string key, CancellationToken cancellationToken) =>
        documents.ReadAsync(NameOf(key), StoredJson.Default.LedgerEntry, cancellationToken);
}
