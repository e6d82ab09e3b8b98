namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Acts on many jobs at a time.</summary>
public sealed class ManyJobs(IJobs jobs)
{
    /// <summary>The most jobs in one call.</summary>
    public const int Most = 1_000;

    // A page may have few matches, or none, if few of the jobs read match the filter.
    private const int MostPages = 20;
    private const int PageSize = 100;
    private const int AtOnce = 8;

    /// <summary>The ids of the matching jobs, newest first, and the cursor of the next call; null after the last.</summary>
    /// <exception cref="FormatException">The cursor does not come from this method.</exception>
    public async Task<(IReadOnlyList<string> Ids, string? Cursor)> FindAsync(JobFilter filter, string? cursor, CancellationToken cancellationToken)
    {
        var ids = new List<string>();
        var pages = 0;
        do
        {
            var page = await jobs.ListAsync(new(filter, PageSize, cursor), cancellationToken);
            ids.AddRange(page.Jobs.Select(job => job.Job.Id));
            cursor = page.Cursor;
        }
        while (cursor is not null && ids.Count + PageSize <= Most && ++pages < MostPages);
        return (ids, cursor);
    }

    /// <summary>Does the same to each job, and returns the outcomes in their order.</summary>
    public static async Task<IReadOnlyList<JobActionOutcome>> EachAsync(
        IReadOnlyList<string> ids, Func<string, CancellationToken, Task<JobActionOutcome>> act, CancellationToken cancellationToken)
    {
        var outcomes = new JobActionOutcome[ids.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, ids.Count, options, async (i, cancellationToken) => outcomes[i] = await act(ids[i], cancellationToken));
        return outcomes;
    }
}
