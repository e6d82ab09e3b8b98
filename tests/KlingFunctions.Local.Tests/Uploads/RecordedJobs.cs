using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Tests.Uploads;

/// <summary>A journal in memory that can be lost and restored, and a permanent record of all started jobs. Jobs succeed at once.</summary>
internal sealed class RecordedJobs : IJobs
{
    private ConcurrentDictionary<string, VideoJob> _jobs = [];

    public ConcurrentQueue<VideoJob> Started { get; } = [];

    public IReadOnlyList<string> Uploads => [.. Started.Select(job => job.Upload!)];

    public Action<VideoJob>? Starting { get; set; }

    public Action? Getting { get; set; }

    /// <summary>Loses the journal.</summary>
    public void Lose() => _jobs.Clear();

    public IReadOnlyDictionary<string, VideoJob> Backup() => _jobs.ToDictionary();

    public void Restore(IReadOnlyDictionary<string, VideoJob> backup) => _jobs = new(backup);

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken)
    {
        Starting?.Invoke(job);
        if (!_jobs.TryAdd(job.Id, job)) return Task.FromResult(false);
        Started.Enqueue(job);
        return Task.FromResult(true);
    }

    public Task CallAsync(string id, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken)
    {
        Getting?.Invoke();
        return Task.FromResult(_jobs.TryGetValue(id, out var job) ? Ended(job) : null);
    }

    public Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken) => GetAsync(id, cancellationToken);

    public Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken)
    {
        Getting?.Invoke();
        return Task.FromResult(_jobs.GetValueOrDefault(id));
    }

    public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        _jobs.Values.Where(job => job.CreatedAt < time).Select(Ended).ToList().ToAsyncEnumerable();

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        _jobs.TryRemove(job.Job.Id, out _);
        return Task.CompletedTask;
    }

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> CancelAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task NotifyAsync(Notification notification, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) => throw new NotSupportedException();

    private static JobSnapshot Ended(VideoJob job) => new(job, JobState.Initial(job) with { Status = JobStatus.Succeeded }, IsRunning: false, []);
}
