namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The two spending guards, exact over all hosts that share a store: jobs a day, and jobs in flight at one time.</summary>
public interface IQuota
{
    /// <summary>Takes one of a day's jobs. A repeat for the same job takes no second one.</summary>
    /// <returns>False if the day's <paramref name="cap"/> is used up.</returns>
    Task<bool> TryTakeDayAsync(string jobId, DateOnly day, int cap, CancellationToken cancel);

    /// <summary>Takes a place among the jobs in flight. A repeat for a job that has one keeps it.</summary>
    /// <returns>False if all <paramref name="cap"/> places are taken.</returns>
    Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancel);

    /// <summary>Gives the place back. A repeat is harmless.</summary>
    Task LeaveAsync(string jobId, CancellationToken cancel);
}
