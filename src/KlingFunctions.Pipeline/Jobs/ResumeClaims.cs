using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A claim to start a run of a job.</summary>
/// <param name="Nonce">Identifies the claimant.</param>
/// <param name="ClaimedAt">When (UTC).</param>
internal sealed record ResumeClaim(Guid Nonce, DateTimeOffset ClaimedAt);

/// <summary>
/// Lets one caller start each run of a job. Durable on Azure Storage checks and writes in two steps when it starts an instance, so each
/// of several concurrent resumes would seem to be the first. Claims are stored beside the job's submissions, and deleted with them.
/// </summary>
public sealed class ResumeClaims(IDocuments documents, TimeProvider time)
{
    // The claimant may have crashed before the start. After this time another may try.
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(30);

    /// <summary>Claims a run.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="run">The number of the run to start.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if another caller has claimed it less than half a minute ago.</returns>
    public async Task<bool> TryClaimAsync(string jobId, int run, CancellationToken cancellationToken)
    {
        var claim = new ResumeClaim(Guid.NewGuid(), time.GetUtcNow());
        var there = await documents.ReadAsync(NameOf(jobId, run), StoredJson.Default.ResumeClaim, cancellationToken);
        if (there is not null && claim.ClaimedAt - there.Value.ClaimedAt < GoodFor) return false;
        return await documents.TryWriteOwnAsync(NameOf(jobId, run), claim, StoredJson.Default.ResumeClaim, there?.Version, cancellationToken);
    }

    /// <summary>Deletes a claim: nothing was started.</summary>
    public Task ReleaseAsync(string jobId, int run, CancellationToken cancellationToken) =>
        documents.DeleteAsync(NameOf(jobId, run), version: null, cancellationToken);

    private static string NameOf(string jobId, int run) => $"ledger/{jobId}.claim.{run}";
}
