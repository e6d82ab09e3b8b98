using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Somebody is about to start a run of a job.</summary>
/// <param name="Nonce">Tells whose claim it is.</param>
/// <param name="ClaimedAt">When (UTC).</param>
internal sealed record ResumeClaim(Guid Nonce, DateTimeOffset ClaimedAt);

/// <summary>
/// Lets one caller through for each run of a job. On Azure Storage, Durable looks and writes in two steps when it starts an instance: of several
/// callers who resume a job at the same moment, each would be told that it was the first. Claims lie beside the job's submissions, and go with them.
/// </summary>
public sealed class ResumeClaims(IDocuments documents, TimeProvider time)
{
    // The caller may have died before the start. After this time another one may try.
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(30);

    /// <summary>Claims a run.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="run">The number of the run that is to be started.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if another caller has claimed it less than half a minute ago.</returns>
    public async Task<bool> TryClaimAsync(string jobId, int run, CancellationToken cancellationToken)
    {
        var claim = new ResumeClaim(Guid.NewGuid(), time.GetUtcNow());
        var there = await documents.ReadAsync(NameOf(jobId, run), StoredJson.Default.ResumeClaim, cancellationToken);
        if (there is not null && claim.ClaimedAt - there.Value.ClaimedAt < GoodFor) return false;
        return await documents.TryWriteOwnAsync(NameOf(jobId, run), claim, StoredJson.Default.ResumeClaim, there?.Version, cancellationToken);
    }

    /// <summary>Gives a claim back: nothing was started.</summary>
    public Task ReleaseAsync(string jobId, int run, CancellationToken cancellationToken) =>
        documents.DeleteAsync(NameOf(jobId, run), version: null, cancellationToken);

    private static string NameOf(string jobId, int run) => $"ledger/{jobId}.claim.{run}";
}
