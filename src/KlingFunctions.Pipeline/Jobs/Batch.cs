namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A batch as stored.</summary>
/// <param name="CreatedAt">When it was received (UTC).</param>
/// <param name="Fingerprint">A hash of its items.</param>
/// <param name="Total">The number of items.</param>
/// <param name="Accepted">The places of items with a job; null until every item has its answer.</param>
public sealed record Batch(DateTimeOffset CreatedAt, string Fingerprint, int Total, IReadOnlyList<int>? Accepted);

/// <summary>A batch, and the outcomes of its jobs.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Batch">The batch.</param>
/// <param name="Ended">The final status by place, for jobs that have ended.</param>
/// <param name="LastEndAt">When the last of these ended (UTC); null if none has.</param>
public sealed record BatchSnapshot(string Id, Batch Batch, IReadOnlyDictionary<int, JobStatus> Ended, DateTimeOffset? LastEndAt = null)
{
    /// <summary>Whether every item has its answer, and every job has ended. A batch without any job never finishes.</summary>
    public bool IsFinished => Batch.Accepted is { Count: > 0 } accepted && accepted.All(Ended.ContainsKey);

    /// <summary>The batch for its owner.</summary>
    /// <param name="baseUrl">The base address of its links.</param>
    public BatchResource Resource(string baseUrl)
    {
        var counts = Ended.Values.CountBy(status => status).ToDictionary();
        var accepted = Batch.Accepted?.Count;
        return new(
            Id,
            accepted is null ? BatchStatus.Accepting : Batch.Accepted!.All(Ended.ContainsKey) ? BatchStatus.Finished : BatchStatus.Running,
            Batch.CreatedAt, Batch.Total, accepted, Batch.Total - accepted, Batch.Accepted?.Count(place => !Ended.ContainsKey(place)),
            Count(JobStatus.Succeeded), Count(JobStatus.Failed), Count(JobStatus.Cancelled),
            new Dictionary<string, string> { ["self"] = $"{baseUrl}/api/batches/{Id}", ["videos"] = $"{baseUrl}/api/videos?batch={Id}" });

        int Count(JobStatus status) => counts.GetValueOrDefault(status);
    }
}
