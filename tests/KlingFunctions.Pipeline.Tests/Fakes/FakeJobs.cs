using System.Collections.Concurrent;
using System.Globalization;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Jobs in states that the test sets: nothing runs them.</summary>
internal sealed class FakeJobs : IJobs
{
    private readonly ConcurrentDictionary<string, JobSnapshot> _jobs = [];

    /// <summary>Another caller resumes each job first.</summary>
    public bool LosesResumes { get; set; }

    /// <summary>The store of jobs can't be read.</summary>
    public bool AreAway { get; set; }

    /// <summary>The jobs that were called, in order.</summary>
    public List<string> Called { get; } = [];

    public IEnumerable<string> Ids => _jobs.Keys;

    public JobSnapshot this[string id] => _jobs[id];

    public void Put(JobSnapshot snapshot) => _jobs[snapshot.Job.Id] = snapshot;

    /// <summary>Loses all jobs.</summary>
    public void Clear() => _jobs.Clear();

    /// <summary>Runs before and after the start of a job: it may throw, like a host that is killed.</summary>
    public Action<VideoJob>? Starting { get; set; }

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken)
    {
        Starting?.Invoke(job);
        var isNew = _jobs.TryAdd(job.Id, new(job, JobState.Initial(job), IsRunning: true, []));
        Starting?.Invoke(job);
        return Task.FromResult(isNew);
    }

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken) => Task.FromResult(
        !LosesResumes && _jobs.TryGetValue(job.Id, out var ended) && !ended.IsRunning
        && _jobs.TryUpdate(job.Id, new(job, JobState.Initial(job), IsRunning: true, []), ended));

    public Task CallAsync(string id, CancellationToken cancellationToken)
    {
        if (AreAway) throw new IOException("The store is away.");
        Called.Add(id);
        return Task.CompletedTask;
    }

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_jobs.GetValueOrDefault(id));

    /// <summary>Whether the workflow of an ended job ends while a caller waits for it.</summary>
    public bool Settles { get; set; }

    public Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken)
    {
        if (Settles && _jobs.GetValueOrDefault(id) is { IsEnding: true } ending) Put(ending with { IsRunning = false });
        return GetAsync(id, cancellationToken);
    }

    public Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_jobs.GetValueOrDefault(id)?.Job);

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken)
    {
        if (AreAway) throw new IOException("The store is away.");
        var skipped = query.Cursor is { } cursor ? int.Parse(cursor, NumberStyles.None, CultureInfo.InvariantCulture) : 0;
        var all = _jobs.Values.Where(query.Filter.Includes).OrderByDescending(j => j.Job.Id, StringComparer.Ordinal).ToList();
        var next = skipped + query.Limit;
        return Task.FromResult(new JobPage(
            [.. all.Skip(skipped).Take(query.Limit)], next < all.Count ? next.ToString(CultureInfo.InvariantCulture) : null));
    }

    public Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<JobStatus, int>>(_jobs.Values.Where(filter.Includes).CountBy(j => j.State.Status).ToDictionary());

    public Task<bool> CancelAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_jobs.TryGetValue(id, out var job) && job.IsRunning);

    /// <summary>The notifications, by their ids.</summary>
    public ConcurrentDictionary<string, Notification> Notified { get; } = [];

    public Task NotifyAsync(Notification notification, CancellationToken cancellationToken)
    {
        Notified.TryAdd(notification.Receiver.NotificationId, notification);
        return Task.CompletedTask;
    }

    public Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken)
    {
        foreach (var notification in Notified.Values.Where(n => n.About == id)) Notified.TryRemove(notification.Receiver.NotificationId, out _);
        return Task.CompletedTask;
    }

    public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) => Task.FromResult(true);

    public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        _jobs.Values.Where(j => j.Job.CreatedAt < time).ToList().ToAsyncEnumerable();

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        _jobs.TryRemove(job.Job.Id, out _);
        return Task.CompletedTask;
    }
}
