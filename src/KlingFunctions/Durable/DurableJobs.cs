using System.Runtime.CompilerServices;
using System.Text.Json;
using Grpc.Core;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>
/// Jobs as orchestrations: the instance id is the job's id. Durable finds instances by id alone, so an index beside it has their order, and
/// the summaries of ended jobs that lists and counts need.
/// </summary>
internal sealed class DurableJobs(DurableClientSource durable, JobReader reader, BlobJobIndex index, ResumeClaims claims, TimeProvider time) : IJobs
{
    // Limits the index entries and the instances read for one page: a filter for a rare status would otherwise read every job.
    private const int MostEntries = 20_000;
    private const int MostReads = 1_000;
    private const int ReadsAtOnce = 16;

    // The platform's load balancer ends a call after 230 s.
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(60);

    // A step that a crash interrupted runs again after a minute: see docs/reliability.md.
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan SettlingInterval = TimeSpan.FromMilliseconds(250);

    // Only ended instances may be started again.
    private static readonly OrchestrationRuntimeStatus[] WhileRunning =
        [OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended];

    private DurableTaskClient Client => durable.Client;

    public async Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken)
    {
        // Index first, so that no job is missing from it. Listings skip an entry without a job.
        await index.AddAsync(job.Id, job.CreatedAt, cancellationToken);
        var isStarted = await Client.TryStartAsync(
            GenerateVideo.Name, job.Id, job, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancellationToken);
        // On Azure Storage, two starts at the same moment may both be reported as the first. The stored input shows which one was.
        if (await reader.FindInputAsync(job.Id, cancellationToken) is { } first
            && (first.CreatedAt, first.Request.Fingerprint) != (job.CreatedAt, job.Request.Fingerprint))
        {
            // With equal times both starts share one entry.
            if (first.CreatedAt != job.CreatedAt) await index.RemoveAsync(job.Id, job.CreatedAt, cancellationToken);
            return false;
        }
        return isStarted;
    }

    public async Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken)
    {
        if (!await claims.TryClaimAsync(job.Id, job.Run, cancellationToken)) return false;
        try
        {
            // Before the start: see BlobJobIndex. If nothing starts, the job is read from its instance until it is summarised again.
            await index.ReopenAsync(job.Id, job.CreatedAt, job.Run, cancellationToken);
            return await Client.TryStartAsync(GenerateVideo.Name, job.Id, job, WhileRunning, cancellationToken);
        }
        catch
        {
            await claims.ReleaseAsync(job.Id, job.Run, CancellationToken.None);
            throw;
        }
    }

    public async Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken) =>
        JobIntake.IsId(id) ? await reader.FindAsync(id, cancellationToken) : null;

    public async Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        while (await GetAsync(id, cancellationToken) is { } job)
        {
            if (!job.IsEnding || time.GetElapsedTime(begun) > SettlesWithin) return job;
            await Task.Delay(SettlingInterval, time, cancellationToken);
        }
        return null;
    }

    public async Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken) =>
        JobIntake.IsId(id) ? await reader.FindInputAsync(id, cancellationToken) : null;

    public async Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken)
    {
        var jobs = new List<JobSnapshot>();
        string? last = null, end = null;
        var reads = 0;
        await foreach (var entries in CandidatesAsync().Chunk(ReadsAtOnce).WithCancellation(cancellationToken))
        {
            var found = await Task.WhenAll(entries.Select(entry => reader.ReadAsync(entry, cancellationToken)));
            foreach (var (entry, (job, _)) in entries.Zip(found))
            {
                // Also where the summary matched: the job itself decides.
                if (job is not null && query.Filter.Includes(job))
                {
                    if (jobs.Count == query.Limit) return await PageAsync(last);
                    jobs.Add(job);
                }
                last = entry.Cursor;
            }
            if ((reads += entries.Length) >= MostReads) return await PageAsync(last);
        }
        return await PageAsync(end);

        async IAsyncEnumerable<IndexedJob> CandidatesAsync()
        {
            var entriesRead = 0;
            await foreach (var entry in EntriesOf(index.ListAsync(query.Cursor, cancellationToken), query.Filter))
            {
                if (entry.Ended is not { } ended || query.Filter.Includes(ended, entry.CreatedAt)) yield return entry;
                if (++entriesRead < MostEntries) continue;
                end = entry.Cursor;
                yield break;
            }
        }

        async Task<JobPage> PageAsync(string? cursor)
        {
            var complete = new List<JobSnapshot>();
            foreach (var some in jobs.Chunk(ReadsAtOnce))
                complete.AddRange(await Task.WhenAll(some.Select(job => reader.WithNotificationsAsync(job, cancellationToken))));
            return new(complete, cursor);
        }
    }

    public async Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<JobStatus, int>();
        var open = new List<IndexedJob>();
        await foreach (var entry in EntriesOf(index.ListAllAsync(cancellationToken), filter).WithCancellation(cancellationToken))
        {
            if (entry.Ended is not { } ended) open.Add(entry);
            else if (filter.Includes(ended, entry.CreatedAt)) Count(ended.Status);
        }
        foreach (var some in open.Chunk(ReadsAtOnce))
        {
            foreach (var (job, _) in await Task.WhenAll(some.Select(entry => reader.ReadAsync(entry, cancellationToken))))
                if (job is not null && filter.Includes(job)) Count(job.State.Status);
        }
        return counts;

        void Count(JobStatus status) => counts[status] = counts.GetValueOrDefault(status) + 1;
    }

    public async Task<bool> CancelAsync(string id, CancellationToken cancellationToken)
    {
        // Some backends silently accept events for instances that ended or never existed; others refuse.
        if (await Client.GetInstanceAsync(id, cancellationToken) is not { IsCompleted: false } found) return false;
        if (found.RuntimeStatus is OrchestrationRuntimeStatus.Pending) await WaitForStartAsync(id, cancellationToken);
        try
        {
            await Client.RaiseEventAsync(id, GenerateVideo.CancelEvent, cancellation: cancellationToken);
            return true;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.FailedPrecondition)
        {
            return false;
        }
    }

    public async Task CallAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            await Client.RaiseEventAsync(id, GenerateVideo.PlaceEvent, cancellation: cancellationToken);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.FailedPrecondition)
        {
            // The job has ended, and leaves the queue itself.
        }
    }

    public Task NotifyAsync(Notification notification, CancellationToken cancellationToken) => Client.TryStartAsync(
        Notify.Name, notification.Receiver.NotificationId, notification, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancellationToken);

    public async Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken)
    {
        var notifications = Client.GetAllInstancesAsync(new OrchestrationQuery { InstanceIdPrefix = Notify.IdsBeginWith(id) });
        await foreach (var notification in notifications.WithCancellation(cancellationToken)) await PurgeEndedAsync(notification.InstanceId, cancellationToken);
    }

    public async Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) =>
        await Client.GetInstanceAsync(notificationId, getInputsAndOutputs: true, cancellationToken) is { Name: Notify.Name, IsCompleted: true, SerializedInput: { } input }
        && await Client.TryStartAsync(Notify.Name, notificationId, JsonElement.Parse(input), WhileRunning, cancellationToken);

    public async IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(
        DateTimeOffset time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in index.ListOlderThanAsync(time, cancellationToken))
        {
            var (job, isThere) = await reader.ReadAsync(entry, cancellationToken);
            if (job is not null) yield return await reader.WithNotificationsAsync(job, cancellationToken);
            else if (!isThere) await index.RemoveAsync(entry.JobId, entry.CreatedAt, cancellationToken);
        }
    }

    public async Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        // A resumed job has notifications of earlier runs. If they stayed, a new job under this id would find them and notify nobody.
        await ForgetNotificationsAsync(job.Job.Id, cancellationToken);
        if (await PurgeEndedAsync(job.Job.Id, cancellationToken)) await index.RemoveAsync(job.Job.Id, job.Job.CreatedAt, cancellationToken);
    }

    /// <summary>Waits until an instance has started: Azure Storage may discard an event that arrives before the start was processed.</summary>
    /// <exception cref="TimeoutException">It did not start within <see cref="StartsWithin"/>.</exception>
    private async Task WaitForStartAsync(string id, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartsWithin);
        try
        {
            await Client.WaitForInstanceStartAsync(id, limit.Token);
        }
        catch (Exception e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Job {id} has not started within {StartsWithin.TotalSeconds} s, and can't be cancelled before: the task hub is behind.", e);
        }
    }

    private async Task<bool> PurgeEndedAsync(string id, CancellationToken cancellationToken)
    {
        // Azure Storage would also purge a running instance.
        if (await Client.GetInstanceAsync(id, cancellationToken) is { IsCompleted: false }) return false;
        await Client.PurgeInstanceAsync(id, cancellationToken);
        return true;
    }

    /// <summary>The entries whose time the filter includes. The input must be newest first.</summary>
    private static IAsyncEnumerable<IndexedJob> EntriesOf(IAsyncEnumerable<IndexedJob> entries, JobFilter filter) =>
        entries.TakeWhile(entry => filter.CreatedAfter is not { } after || entry.CreatedAt >= after).Where(entry => filter.IncludesTime(entry.CreatedAt));
}
