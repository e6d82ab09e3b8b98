using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>
/// Hands places in flight over, in order of arrival. The list is written first, then the job is notified: after a crash in between, the
/// step of the leaving job runs again and notifies all holders, and the hourly sweep notifies those that still wait.
/// </summary>
public sealed partial class HandOver(Quota quota, IJobs jobs, IOptions<PipelineOptions> options, ILogger<HandOver> logger)
{
    /// <summary>Gives a job's place to the first in the queue. Idempotent.</summary>
    public async Task<bool> ReleaseSlotAsync(string jobId, CancellationToken cancellationToken)
    {
        await CallAsync(await quota.ReleaseSlotAsync(jobId, options.Value.MaxInFlight, cancellationToken), cancellationToken);
        return true;
    }

    /// <summary>Gives stale places, and those of a raised cap, to the queue.</summary>
    public async Task SweepAsync(Func<string, Task<bool>> isStale, CancellationToken cancellationToken) =>
        await CallAsync(await quota.SweepInFlightAsync(isStale, options.Value.MaxInFlight, cancellationToken), cancellationToken);

    /// <summary>Notifies jobs that have a place. Idempotent.</summary>
    public async Task CallAsync(IEnumerable<string> jobIds, CancellationToken cancellationToken)
    {
        foreach (var id in jobIds)
        {
            try
            {
                await jobs.CallAsync(id, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogNotCalled(logger, e, id);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Job {JobId} has a place in flight and could not be called: the next sweep calls it.")]
    private static partial void LogNotCalled(ILogger logger, Exception e, string jobId);
}
