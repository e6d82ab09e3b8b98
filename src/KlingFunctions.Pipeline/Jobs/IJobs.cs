namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Which jobs to list, newest first.</summary>
/// <param name="Status">Only those in this status; null: all.</param>
/// <param name="Limit">At most this many, 1 to 100.</param>
/// <param name="Cursor">Where the page before ended; null: from the newest.</param>
public sealed record JobQuery(JobStatus? Status, int Limit, string? Cursor);

/// <summary>A page of jobs.</summary>
/// <param name="Jobs">The jobs, newest first.</param>
/// <param name="Cursor">Where the next page starts; null if this is the last.</param>
public sealed record JobPage(IReadOnlyList<JobSnapshot> Jobs, string? Cursor);

/// <summary>The engine that runs jobs, as the routes and the uploads see it. Durable Functions on Azure, a journal on one machine.</summary>
public interface IJobs
{
    /// <summary>Starts a job under its own id. Written down before this completes.</summary>
    /// <returns>False if a job of this id is there already, running or ended: it is left as it is.</returns>
    Task<bool> StartAsync(VideoJob job, CancellationToken cancel);

    /// <summary>Starts a job that has ended anew, under its own id.</summary>
    /// <returns>False if it is running (again): it is left as it is.</returns>
    Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel);

    /// <summary>The job as it stands; null if there is none of this id.</summary>
    Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel);

    /// <summary>A page of jobs, newest first. Notifications may be left out.</summary>
    /// <exception cref="FormatException">The cursor is not one that this method gave.</exception>
    Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel);

    /// <summary>Asks a running job to cancel. Written down before this completes; the workflow decides what can be done.</summary>
    /// <returns>False if it is not running.</returns>
    Task<bool> CancelAsync(string id, CancellationToken cancel);

    /// <summary>Starts an ended notification anew, under its own id, with a fresh schedule.</summary>
    /// <returns>False if it is running, or not there.</returns>
    Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel);

    /// <summary>The jobs that were accepted before a time, oldest or newest first as it comes; running ones too.</summary>
    IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancel);

    /// <summary>Forgets an ended job and its notifications, for good. A repeat is harmless; a running one is left as it is.</summary>
    Task ForgetAsync(JobSnapshot job, CancellationToken cancel);
}
