using Azure.Storage.Blobs;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage;

/// <summary>The ledger as one blob for each submission. What a method has written when it completes is durable.</summary>
internal sealed class BlobLedger(BlobServiceClient account, TimeProvider time) : ISubmissionLedger
{
    /// <summary>
    /// How long after an intent another run may still be in the paid POST: the time to write the intent, the longest call to RunComfy, and
    /// the difference between the clocks of two hosts.
    /// </summary>
    public static readonly TimeSpan UnderWay = IntendLimit + RunComfyClient.TimeLimit + ClockDifference;

    private const int MostTries = 10;

    private readonly BlobContainerClient _container = account.GetBlobContainerClient(Containers.Ledger);

    /// <summary>An intent that took longer to write gives no right to POST: other runs may consider its writer dead.</summary>
    private static TimeSpan IntendLimit => TimeSpan.FromSeconds(30);

    private static TimeSpan ClockDifference => TimeSpan.FromSeconds(30);

    public async Task<Submission?> FindAsync(string key, CancellationToken cancel) => await Entry(key).ReadAsync(cancel) is { Value: var entry }
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
            return await Entry(key).TryWriteAsync(entry, null, limit.Token)
                // Or it was written, the answer was lost, and the repeat met it.
                || (await Entry(key).ReadAsync(limit.Token))?.Value.Nonce == entry.Nonce;
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
            var there = await Entry(key).ReadAsync(cancel);
            if (there?.Value.RequestId == requestId) return;
            var entry = there?.Value ?? new LedgerEntry(Guid.NewGuid(), now);
            if (await Entry(key).TryWriteAsync(entry with { RequestId = requestId, SubmittedAt = now }, there?.ETag, cancel)) return;
            if (tries == MostTries) throw new IOException($"The ledger's entry {key} changes all the time, and could not be written.");
        }
    }

    public async Task WithdrawAsync(string key, CancellationToken cancel)
    {
        // Only the version that was read: were it another by then, it would have an id, or be the intent of someone who is about to POST.
        if (await Entry(key).ReadAsync(cancel) is { Value.RequestId: null } intent) await Entry(key).DeleteAsync(intent.ETag, cancel);
    }

    public async Task ForgetAsync(string jobId, CancellationToken cancel)
    {
        await foreach (var blob in _container.GetBlobsAsync(new() { Prefix = jobId }, cancel))
            await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancel);
    }

    private JsonBlob<LedgerEntry> Entry(string key) => new(_container.GetBlobClient(key), StoredJson.Default.LedgerEntry);
}
