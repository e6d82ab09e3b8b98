using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Diagnosis;

/// <summary>Checks the stores: writes, reads and deletes a small document; reads the jobs and the videos.</summary>
public sealed partial class StoreCheck(IDocuments documents, IVideoStore videos, IJobs jobs, ILogger<StoreCheck> logger)
{
    /// <summary>Makes the check.</summary>
    public async Task<Check> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var name = $"ledger/checkup-{Guid.NewGuid():n}.json";
            await documents.TryWriteAsync(name, "{}", version: null, cancellationToken);
            var isKept = await documents.ReadAsync(name, cancellationToken) is not null;
            await documents.DeleteAsync(name, version: null, cancellationToken);
            await ReadJobsAsync(cancellationToken);
            await videos.FindAsync("checkup", "video", cancellationToken);
            return isKept
                ? new(CheckNames.Store, CheckState.Ok, "Jobs and videos can be stored.")
                : new(CheckNames.Store, CheckState.Failed, "The store accepted a document and does not have it.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(logger, e);
            return new(CheckNames.Store, CheckState.Failed, "The store can't be used; the host's log says why. Check its address, the roles of the host, and its space.");
        }
    }

    /// <summary>Reads the store of jobs; throws if it can't be read.</summary>
    public async Task ReadJobsAsync(CancellationToken cancellationToken)
    {
        await jobs.ListAsync(new(JobFilter.All, 1, null), cancellationToken);
        // The list may be in another store than the jobs: this id is in no list.
        await jobs.GetAsync(JobIntake.NewId(), cancellationToken);
    }

    [LoggerMessage(LogLevel.Error, "The store can't be used.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
