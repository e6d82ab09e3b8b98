using KlingFunctions.AzureStorage;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Durable;

/// <summary>
/// Keeps the index of jobs complete: adds the entries of all instances if the index is new or was lost, and summarises jobs that nobody has
/// read since they ended, so that no caller has to wait for that.
/// </summary>
internal sealed partial class JobIndexRepair(JobReader reader, BlobJobIndex index, TimeProvider time, ILogger<JobIndexRepair> logger)
{
    // Azure would end a function after half an hour, and with it all other work of its process.
    private static readonly TimeSpan AtMost = TimeSpan.FromMinutes(20);

    private const int AtOnce = 16;

    /// <summary>Repairs the index, for 20 minutes at most, and leaves the rest to the next run. Idempotent, and safe to interrupt.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(AtMost, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            if (!await index.IsCompleteAsync(both.Token)) await RebuildAsync(both.Token);
            await SummariseAsync(both.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            LogUnfinished(logger, AtMost);
        }
    }

    private async Task RebuildAsync(CancellationToken cancellationToken)
    {
        var added = 0;
        await Parallel.ForEachAsync(reader.AllAsync(), Options(cancellationToken), async (job, cancellationToken) =>
        {
            await index.AddAsync(job.Job.Id, job.Job.CreatedAt, cancellationToken);
            Interlocked.Increment(ref added);
        });
        await index.SetCompleteAsync(cancellationToken);
        LogRebuilt(logger, added);
    }

    private Task SummariseAsync(CancellationToken cancellationToken) => Parallel.ForEachAsync(
        index.ListAllAsync(cancellationToken).Where(entry => entry.Ended is null),
        Options(cancellationToken),
        async (entry, cancellationToken) => await reader.ReadAsync(entry, cancellationToken));

    private static ParallelOptions Options(CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };

    [LoggerMessage(LogLevel.Information, "The index of jobs is complete again: all {Count} instances have their entries.")]
    private static partial void LogRebuilt(ILogger logger, int count);

    [LoggerMessage(LogLevel.Warning, "The index of jobs could not be repaired within {Limit}. The next run goes on.")]
    private static partial void LogUnfinished(ILogger logger, TimeSpan limit);
}
