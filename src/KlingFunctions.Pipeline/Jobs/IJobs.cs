namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A query for jobs, newest first.</summary>
/// <param name="Filter">The jobs to include.</param>
/// <param name="Limit">The size of a page, 1 to 100.</param>
/// <param name="Cursor">The end of the previous page; null: from the newest.</param>
public sealed record JobQuery(JobFilter Filter, int Limit, string? Cursor);

/// <summary>A page of jobs.</summary>
/// <param name="Jobs">The jobs, newest first.</param>
/// <param name="Cursor">The start of the next page; null if this is the last.</param>
public sealed record JobPage(IReadOnlyList<JobSnapshot> Jobs, string? Cursor);

/// <summary>The engine that runs jobs, as seen by routes and uploads: Durable Functions on Azure, a journal on one machine.</summary>
public interface IJobs
{
    /// <summary>Starts a job under its own id. Durable before this completes.</summary>
    /// <returns>False if a job of this id exists, running or ended: it stays unchanged.</returns>
    Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken);

    /// <summary>Starts an ended job again, under its own id.</summary>
    /// <returns>False if it is running (again): it stays unchanged.</returns>
    Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken);

    /// <summary>The current state of a job; null if there is none of this id.</summary>
    Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken);

    /// <summary>The current state of a job; of one that <see cref="JobSnapshot.IsEnding"/>, after its workflow has ended, or after 90 s.</summary>
    Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken);

    /// <summary>A job without its state and notifications, in one read; null if there is none of this id.</summary>
    Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken);

    /// <summary>A page of jobs, newest first. Notifications may be left out.</summary>
    /// <exception cref="FormatException">The cursor does not come from this method.</exception>
    Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken);

    /// <summary>The number of jobs in each status; a status without any may be left out.</summary>
    Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken);

    /// <summary>Asks a running job to cancel. Durable before this completes; the workflow decides whether it can be cancelled.</summary>
    /// <returns>False if it is not running.</returns>
    Task<bool> CancelAsync(string id, CancellationToken cancellationToken);

    /// <summary>
    /// Notifies a job that its place in flight is granted. Durable before this completes; ignored by a job that does not wait.
    /// </summary>
    Task CallAsync(string id, CancellationToken cancellationToken);

    /// <summary>Starts a notification, under the id in its receiver. An existing one stays unchanged.</summary>
    Task NotifyAsync(Notification notification, CancellationToken cancellationToken);

    /// <summary>Starts an ended notification again, under its own id, with a fresh schedule.</summary>
    /// <returns>False if it is running or does not exist.</returns>
    Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken);

    /// <summary>Jobs accepted before a time, in any order; running ones too.</summary>
    IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>Deletes the ended notifications of a job or a batch for good. Idempotent.</summary>
    Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken);

    /// <summary>Deletes an ended job and its notifications for good. Idempotent; a running job stays unchanged.</summary>
    Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken);
}
