using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Grpc.Core;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Durable;

/// <summary>
/// Jobs as orchestrations: the instance id is the job's id. What Durable keeps can be found by id alone, so an index beside it tells
/// which came when.
/// </summary>
internal sealed partial class DurableJobs(DurableClientSource durable, BlobJobIndex index, ResumeClaims claims, ILogger<DurableJobs> logger) : IJobs
{
    // A page is filled from so many entries of the index at most, lest a rare status reads all jobs there are in one call.
    private const int MostLooked = 1000;
    private const int LookedAtOnce = 16;

    // Only what has ended may be started anew.
    private static readonly OrchestrationRuntimeStatus[] WhileRunning =
        [OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended];

    private DurableTaskClient Client => durable.Client;

    public async Task<bool> StartAsync(VideoJob job, CancellationToken cancel)
    {
        // Before the start, so that no job is missing from it; an entry without a job is passed over.
        await index.AddAsync(job.Id, job.CreatedAt, cancel);
        var isStarted = await Client.TryStartAsync(
            GenerateVideo.Name, job.Id, job, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancel);
        // On Azure Storage two starts at the same moment may both hear that they were first. The one whose input is there was.
        if (await FindAsync(job.Id, cancel) is { } there && InputOf(there) is var first
            && (first.CreatedAt, first.Request.Fingerprint) != (job.CreatedAt, job.Request.Fingerprint))
        {
            // In the very same instant both have the one entry.
            if (first.CreatedAt != job.CreatedAt) await index.RemoveAsync(job.Id, job.CreatedAt, cancel);
            return false;
        }
        return isStarted;
    }

    public async Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel)
    {
        if (!await claims.TryClaimAsync(job.Id, job.Run, cancel)) return false;
        try
        {
            return await Client.TryStartAsync(GenerateVideo.Name, job.Id, job, WhileRunning, cancel);
        }
        catch
        {
            await claims.ReleaseAsync(job.Id, job.Run, CancellationToken.None);
            throw;
        }
    }

    public async Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel) =>
        JobIntake.IsId(id) && await FindAsync(id, cancel) is { } found ? await SnapshotAsync(found, cancel) : null;

    public async Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel)
    {
        var jobs = new List<JobSnapshot>();
        string? last = null;
        var looked = 0;
        await foreach (var entries in index.ListAsync(query.Cursor, cancel).Chunk(LookedAtOnce).WithCancellation(cancel))
        {
            var found = await Task.WhenAll(entries.Select(entry => ReadAsync(entry, cancel)));
            foreach (var (entry, (job, _)) in entries.Zip(found))
            {
                if (job is not null && (query.Status is null || job.State.Status == query.Status))
                {
                    if (jobs.Count == query.Limit) return new(jobs, last);
                    jobs.Add(job);
                }
                last = entry.Cursor;
                if (++looked == MostLooked) return new(jobs, last);
            }
        }
        return new(jobs, null);
    }

    public async Task<bool> CancelAsync(string id, CancellationToken cancel)
    {
        // Some backends take events for what has ended or never was, and say nothing; others refuse.
        if (await Client.GetInstanceAsync(id, cancel) is not { IsCompleted: false }) return false;
        try
        {
            await Client.RaiseEventAsync(id, GenerateVideo.CancelEvent, cancellation: cancel);
            return true;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.FailedPrecondition)
        {
            return false;
        }
    }

    public async Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) =>
        await Client.GetInstanceAsync(notificationId, getInputsAndOutputs: true, cancel) is { Name: Notify.Name, IsCompleted: true, SerializedInput: { } input }
        && await Client.TryStartAsync(Notify.Name, notificationId, JsonElement.Parse(input), WhileRunning, cancel);

    public async IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(
        DateTimeOffset time, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var entry in index.ListOlderThanAsync(time, cancel))
        {
            var (job, isThere) = await ReadAsync(entry, cancel);
            if (job is not null) yield return job;
            else if (!isThere) await index.RemoveAsync(entry.JobId, entry.CreatedAt, cancel);
        }
    }

    public async Task ForgetAsync(JobSnapshot job, CancellationToken cancel)
    {
        // Of the earlier runs of a resumed job there are notifications too. If they stayed, a new job under this id would find them there, and tell nobody.
        var told = Client.GetAllInstancesAsync(new OrchestrationQuery { InstanceIdPrefix = Notify.IdsBeginWith(job.Job.Id) });
        await foreach (var notification in told.WithCancellation(cancel)) await PurgeEndedAsync(notification.InstanceId, cancel);
        if (await PurgeEndedAsync(job.Job.Id, cancel)) await index.RemoveAsync(job.Job.Id, job.Job.CreatedAt, cancel);
    }

    private async Task<bool> PurgeEndedAsync(string id, CancellationToken cancel)
    {
        // Azure Storage would purge what runs, too.
        if (await Client.GetInstanceAsync(id, cancel) is { IsCompleted: false }) return false;
        await Client.PurgeInstanceAsync(id, cancel);
        return true;
    }

    /// <summary>The job of an entry, if it is there and can be read: one that can't hides no other.</summary>
    private async Task<(JobSnapshot? Job, bool IsThere)> ReadAsync(IndexedJob entry, CancellationToken cancel)
    {
        try
        {
            return await GetAsync(entry.JobId, cancel) is { } job && job.Job.CreatedAt == entry.CreatedAt ? (job, true) : (null, false);
        }
        catch (JsonException e)
        {
            LogUnreadable(logger, entry.JobId, e.Message);
            return (null, true);
        }
    }

    private async Task<OrchestrationMetadata?> FindAsync(string id, CancellationToken cancel) =>
        await Client.GetInstanceAsync(id, getInputsAndOutputs: true, cancel) is { Name: GenerateVideo.Name } found ? found : null;

    private async Task<JobSnapshot> SnapshotAsync(OrchestrationMetadata found, CancellationToken cancel)
    {
        var state = Reported(found, PipelineJson.Default.JobState);
        var notifications = new List<NotificationState>();
        foreach (var receiver in state?.Receivers ?? []) notifications.Add(await NotificationAsync(receiver, cancel));
        return JobSnapshot.Of(InputOf(found), state, RunOf(found), notifications);
    }

    private async Task<NotificationState> NotificationAsync(Receiver receiver, CancellationToken cancel)
    {
        var told = await Client.GetInstanceAsync(receiver.NotificationId, getInputsAndOutputs: true, cancel);
        return told is null
            ? NotificationState.Of(receiver, null, RunState.Running)
            : NotificationState.Of(receiver, Reported(told, PipelineJson.Default.NotificationState), RunOf(told));
    }

    private static RunState RunOf(OrchestrationMetadata found) => found switch
    {
        { IsCompleted: false } => RunState.Running,
        { RuntimeStatus: OrchestrationRuntimeStatus.Completed } => RunState.Completed,
        _ => RunState.Broken,
    };

    // What it returned is written with its end, what it reported may be a moment behind. Azure Storage says "null" where there is nothing yet.
    private static T? Reported<T>(OrchestrationMetadata found, JsonTypeInfo<T> type)
        where T : class
    {
        var output = found.RuntimeStatus is OrchestrationRuntimeStatus.Completed ? found.SerializedOutput : null;
        return (output ?? found.SerializedCustomStatus) is { } json ? JsonSerializer.Deserialize(json, type) : null;
    }

    private static VideoJob InputOf(OrchestrationMetadata found) =>
        JsonSerializer.Deserialize(found.SerializedInput ?? "null", PipelineJson.Default.VideoJob) ?? throw new JsonException("The input is null.");

    [LoggerMessage(LogLevel.Error, "The instance {JobId} can't be read and is passed over: purge it when you have looked at it. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string jobId, string reason);
}
