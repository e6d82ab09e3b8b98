using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Durable;

/// <summary>Reads jobs from Durable's instances, and keeps the summaries of the index up to date with them.</summary>
internal sealed partial class JobReader(DurableClientSource durable, BlobJobIndex index, ILogger<JobReader> logger)
{
    private const int PageSize = 1000;

    /// <summary>A job with its notifications; null if there is none of this id.</summary>
    /// <exception cref="JsonException">Its instance can't be read.</exception>
    public async Task<JobSnapshot?> FindAsync(string id, CancellationToken cancellationToken) =>
        await InstanceAsync(id, cancellationToken) is { } found ? await WithNotificationsAsync(Snapshot(found), cancellationToken) : null;

    /// <summary>The input of a job; null if there is none of this id.</summary>
    /// <exception cref="JsonException">Its instance can't be read.</exception>
    public async Task<VideoJob?> FindInputAsync(string id, CancellationToken cancellationToken) =>
        await InstanceAsync(id, cancellationToken) is { } found ? InputOf(found) : null;

    /// <summary>
    /// The job of an entry, without notifications. An unreadable job is there, but null: it must not hide others. Corrects the summary of the
    /// entry.
    /// </summary>
    public async Task<(JobSnapshot? Job, bool IsThere)> ReadAsync(IndexedJob entry, CancellationToken cancellationToken)
    {
        var found = await InstanceAsync(entry.JobId, cancellationToken);
        var job = found is null ? null : Readable(found);
        if (found is not null && job is null) return (null, true);
        if (job?.Job.CreatedAt != entry.CreatedAt) job = null;
        await UpdateAsync(entry, job, cancellationToken);
        return (job, job is not null);
    }

    /// <summary>All readable jobs, without notifications, by the page and not one by one.</summary>
    public IAsyncEnumerable<JobSnapshot> AllAsync() =>
        // The prefix spares the notifications, the name any other workflow.
        durable.Client.GetAllInstancesAsync(new OrchestrationQuery { InstanceIdPrefix = "vid_", FetchInputsAndOutputs = true, PageSize = PageSize })
            .Where(found => found.Name == GenerateVideo.Name).Select(Readable).OfType<JobSnapshot>();

    /// <summary>The job with the state of each delivery.</summary>
    public async Task<JobSnapshot> WithNotificationsAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        var notifications = new List<NotificationState>();
        foreach (var receiver in job.State.Receivers) notifications.Add(await NotificationAsync(receiver, cancellationToken));
        return job with { Notifications = notifications };
    }

    private async Task UpdateAsync(IndexedJob entry, JobSnapshot? job, CancellationToken cancellationToken)
    {
        try
        {
            await index.UpdateAsync(entry, job?.Job.Run ?? entry.Run, job is null ? null : JobSummary.Of(job), cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The answer does not depend on it, and the next reader tries again.
            LogNotSummarised(logger, e, entry.JobId);
        }
    }

    private async Task<OrchestrationMetadata?> InstanceAsync(string id, CancellationToken cancellationToken) =>
        await durable.Client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellationToken) is { Name: GenerateVideo.Name } found ? found : null;

    private async Task<NotificationState> NotificationAsync(Receiver receiver, CancellationToken cancellationToken)
    {
        var told = await durable.Client.GetInstanceAsync(receiver.NotificationId, getInputsAndOutputs: true, cancellationToken);
        return told is null
            ? NotificationState.Of(receiver, null, RunState.Running)
            : NotificationState.Of(receiver, Reported(told, PipelineJson.Default.NotificationState), RunOf(told));
    }

    private JobSnapshot? Readable(OrchestrationMetadata found)
    {
        try
        {
            return Snapshot(found);
        }
        catch (JsonException e)
        {
            LogUnreadable(logger, found.InstanceId, e.Message);
            return null;
        }
    }

    private static JobSnapshot Snapshot(OrchestrationMetadata found) =>
        JobSnapshot.Of(InputOf(found), Reported(found, PipelineJson.Default.JobState), RunOf(found), []);

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

    [LoggerMessage(LogLevel.Error, "The instance {JobId} can't be read and is skipped: inspect it, then purge it. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string jobId, string reason);

    [LoggerMessage(LogLevel.Warning, "The summary of {JobId} in the index of jobs could not be updated. The next list or count tries again.")]
    private static partial void LogNotSummarised(ILogger logger, Exception e, string jobId);
}
