using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;

namespace KlingFunctions.Pipeline.Batching;

/// <summary>A request of a batch.</summary>
/// <param name="JobId">The id of its job, present or future.</param>
/// <param name="Bytes">The request as received.</param>
/// <param name="Reading">The request as read, or its faults.</param>
public sealed record BatchItem(string JobId, ReadOnlyMemory<byte> Bytes, RequestReading Reading);

/// <summary>
/// Accepts the requests of a batch, several concurrently. All ids are known beforehand, so an interrupted call can be repeated and resumes;
/// a request with faults never stops another.
/// </summary>
public sealed class BatchIntake(Batches batches, EndBatchItemStep endItem, IJobs jobs)
{
    private const int AtOnce = 128;

    /// <summary>Accepts a batch, or resumes it.</summary>
    /// <param name="id">The batch's id.</param>
    /// <param name="items">Its requests.</param>
    /// <param name="baseUrl">The base address of links.</param>
    /// <param name="prepare">Called with the ids of the next items; null: not needed.</param>
    /// <param name="accept">Starts the job of a request without faults; null if it has one outside of this batch.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The outcome of each item, null after faults or if <paramref name="accept"/> gives null; or null if the id belongs to other
    /// requests.</returns>
    public async Task<IReadOnlyList<Intake?>?> AcceptAsync(
        string id, IReadOnlyList<BatchItem> items, string baseUrl, Func<IReadOnlyList<string>, CancellationToken, Task>? prepare,
        Func<BatchItem, BatchPlace, CancellationToken, Task<Intake?>> accept, CancellationToken cancellationToken)
    {
        if (!await batches.OpenAsync(id, FingerprintOf(items), items.Count, cancellationToken)) return null;
        var outcomes = new Intake?[items.Count];
        var before = await batches.FindAsync(id, cancellationToken);
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        foreach (var group in Enumerable.Range(0, items.Count).Where(i => items[i].Reading.Request is not null).Chunk(AtOnce))
        {
            await Parallel.ForEachAsync(group, options, async (i, cancellationToken) => outcomes[i] = await DeletedAsync(before, items[i], i, cancellationToken));
            var rest = group.Where(i => outcomes[i] is null).ToList();
            if (prepare is not null) await prepare([.. rest.Select(i => items[i].JobId)], cancellationToken);
            await Parallel.ForEachAsync(rest, options, async (i, cancellationToken) => outcomes[i] = await accept(items[i], new(id, i), cancellationToken));
        }
        var accepted = outcomes.Index().Where(o => o.Item is Intake.Accepted { Snapshot.Job.Batch: { } batch } && batch.Id == id).Select(o => o.Index);
        await batches.CloseAsync(id, [.. accepted], cancellationToken);
        // All jobs may have ended meanwhile: then none of them saw the batch complete.
        await endItem.NotifyIfFinishedAsync(id, baseUrl, cancellationToken);
        return outcomes;
    }

    /// <summary>The outcome of an item whose job was accepted by an earlier call and is deleted: it must not start again.</summary>
    private async Task<Intake?> DeletedAsync(BatchSnapshot? before, BatchItem item, int index, CancellationToken cancellationToken)
    {
        if (before is null) return null;
        var hasEnded = before.Ended.TryGetValue(index, out var status);
        return (hasEnded || before.Batch.Accepted?.Contains(index) is true) && await jobs.GetJobAsync(item.JobId, cancellationToken) is null
            ? new Intake.Deleted(hasEnded ? status : null)
            : null;
    }

    private static string FingerprintOf(IReadOnlyList<BatchItem> items)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // The raw bytes, not the readings: another version may find other faults.
        foreach (var item in items) hash.AppendData(Encoding.ASCII.GetBytes(CanonicalJson.Fingerprint(item.Bytes.Span)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
