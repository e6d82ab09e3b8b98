using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>An ended job of a batch.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Place">Its place in the batch.</param>
/// <param name="Run">The number of its run.</param>
/// <param name="Status">Its final status.</param>
/// <param name="BaseUrl">The base address of links.</param>
public sealed record BatchItemEnd(string JobId, BatchPlace Place, int Run, JobStatus Status, string BaseUrl);

/// <summary>Counts the end of a job in its batch. The count of the last one starts the notifications of <c>batch.finished</c>.</summary>
public sealed class EndBatchItemStep(Batches batches, FindReceiversStep receivers, IJobs jobs, TimeProvider time)
{
    /// <summary>Counts the end. Idempotent.</summary>
    public async Task<bool> RunAsync(BatchItemEnd end, CancellationToken cancellationToken)
    {
        await batches.EndAsync(end.JobId, end.Place, end.Run, end.Status, cancellationToken);
        return await NotifyIfFinishedAsync(end.Place.Id, end.BaseUrl, cancellationToken);
    }

    /// <summary>
    /// Notifies of a batch if it is finished. Each caller writes before it reads here, so the last one sees all. Two callers that both see
    /// all start the same notifications, under the same ids.
    /// </summary>
    public async Task<bool> NotifyIfFinishedAsync(string batchId, string baseUrl, CancellationToken cancellationToken)
    {
        if (await batches.FindAsync(batchId, cancellationToken) is not { IsFinished: true } batch) return false;
        // The id of a deleted batch may be used again; and a batch that is sent again on a day with room may get more jobs.
        var end = $"{batchId}_{batch.Batch.CreatedAt.UtcTicks:x}_{batch.Batch.Accepted!.Count}";
        foreach (var receiver in await receivers.FindAsync(new(batchId, 0, OwnHost: null, EventTypes.BatchFinished, IsRepeat: true, end), cancellationToken))
            await jobs.NotifyAsync(new($"msg_{end}", receiver, Job: null, State: null, time.GetUtcNow(), batch.Resource(baseUrl)), cancellationToken);
        return true;
    }
}
