using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage;

/// <summary>The ledger as one blob for each submission. What a method has written when it completes is durable.</summary>
internal sealed class BlobLedger(IDocuments documents, TimeProvider time) : ISubmissionLedger
{
    /// <summary>
    /// How long after an intent another run may still be in the paid POST: the time to write the intent, the longest call to RunComfy, and
    /// the difference between the clocks of two hosts.
    /// </summary>
    public static readonly TimeSpan UnderWay = IntendLimit + RunComfyClient.TimeLimit + ClockDifference;

    private const int MostTries = 10;

    /// <summary>An intent that took longer to write gives no right to POST: other runs may consider its writer dead.</summary>
    private static TimeSpan IntendLimit => TimeSpan.FromSeconds(30);

    private static TimeSpan ClockDifference => TimeSpan.FromSeconds(30);

    public async Task<Submission?> FindAsync(string key, CancellationToken cancel) => await ReadAsync(key, cancel) is { Value: var entry }
        ? new(key, entry.IntendedAt, entry.RequestId, entry.SubmittedAt, entry.RequestId is null && time.GetUtcNow() - entry.IntendedAt < UnderWay)
        : null;

    public async Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        // From here on only time breaks it off: an intent that was written, and of which nobody hears, is a submission in doubt.
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

    public async Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            var there = await ReadAsync(key, cancel);
            if (there?.Value.RequestId == requestId) return;
            var entry = there?.Value ?? new LedgerEntry(Guid.NewGuid(), now);
            entry = entry with { RequestId = requestId, SubmittedAt = now };
            if (await documents.TryWriteAsync(NameOf(key), entry, StoredJson.Default.LedgerEntry, there?.Version, cancel) is not null) return;
            if (tries == MostTries) throw new IOException($"The ledger's entry {key} changes all the time, and could not be written.");
        }
    }

    public async Task WithdrawAsync(string key, CancellationToken cancel)
    {
        // Only the version that was read: were it another by then, it would have an id, or be the intent of someone who is about to POST.
        if (await ReadAsync(key, cancel) is { Value.RequestId: null } intent) await documents.DeleteAsync(NameOf(key), intent.Version, cancel);
    }

    public async Task ForgetAsync(string jobId, CancellationToken cancel)
    {
        await foreach (var name in documents.ListAsync(NameOf(jobId), cancel)) await documents.DeleteAsync(name, version: null, cancel);
    }

    private static string NameOf(string key) => $"{Containers.Ledger}/{key}";

    private Task<Versioned<LedgerEntry>?> ReadAsync(string key, CancellationToken cancel) =>
        documents.ReadAsync(NameOf(key), StoredJson.Default.LedgerEntry, cancel);
}
