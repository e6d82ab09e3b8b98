using System.Collections.Concurrent;
using System.Globalization;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Jobs that stand where the test puts them: nothing runs them.</summary>
internal sealed class FakeJobs : IJobs
{
    private readonly ConcurrentDictionary<string, JobSnapshot> _jobs = [];

    /// <summary>Another got there first: whoever resumes a job is told that it runs again.</summary>
    public bool LosesResumes { get; set; }

    /// <summary>What jobs are kept in can't be read.</summary>
    public bool AreAway { get; set; }

    public IEnumerable<string> Ids => _jobs.Keys;

    public JobSnapshot this[string id] => _jobs[id];

    public void Put(JobSnapshot snapshot) => _jobs[snapshot.Job.Id] = snapshot;

    /// <summary>What jobs are kept in is lost.</summary>
    public void Clear() => _jobs.Clear();

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancel) =>
        Task.FromResult(_jobs.TryAdd(job.Id, new(job, JobState.Initial(job), IsRunning: true, [])));

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel) => Task.FromResult(
        !LosesResumes && _jobs.TryGetValue(job.Id, out var ended) && !ended.IsRunning
        && _jobs.TryUpdate(job.Id, new(job, JobState.Initial(job), IsRunning: true, []), ended));

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel) => Task.FromResult(_jobs.GetValueOrDefault(id));

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel)
    {
        if (AreAway) throw new IOException("The store is away.");
        var skipped = query.Cursor is { } cursor ? int.Parse(cursor, NumberStyles.None, CultureInfo.InvariantCulture) : 0;
        var all = _jobs.Values.Where(j => query.Status is null || j.State.Status == query.Status).OrderByDescending(j => j.Job.Id, StringComparer.Ordinal).ToList();
        var next = skipped + query.Limit;
        return Task.FromResult(new JobPage(
            [.. all.Skip(skipped).Take(query.Limit)], next < all.Count ? next.ToString(CultureInfo.InvariantCulture) : null));
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancel) => Task.FromResult(_jobs.TryGetValue(id, out var job) && job.IsRunning);

    public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) => Task.FromResult(true);

    public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancel) =>
        _jobs.Values.Where(j => j.Job.CreatedAt < time).ToList().ToAsyncEnumerable();

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancel)
    {
        _jobs.TryRemove(job.Job.Id, out _);
        return Task.CompletedTask;
    }
}
