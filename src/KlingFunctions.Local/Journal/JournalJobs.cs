using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>Jobs as instances in the journal.</summary>
internal sealed class JournalJobs(WorkflowEngine engine, InstanceStore store) : IJobs
{
    public Task<bool> StartAsync(VideoJob job, CancellationToken cancel) =>
        engine.StartAsync(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, PipelineJson.Default.VideoJob));

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel) =>
        engine.StartAsync(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, PipelineJson.Default.VideoJob), replaceEnded: true);

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel) =>
        Task.FromResult(store.Find(id) is { Workflow: GenerateVideo.Name } instance ? Snapshot(instance) : null);

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel)
    {
        var status = query.Status is { } wanted ? JsonWord.Of(wanted) : null;
        // One more than asked for tells whether there is a next page.
        var found = store.List(GenerateVideo.Name, status, query.Cursor is { } cursor ? ReadCursor(cursor) : null, query.Limit + 1);
        var page = found.Take(query.Limit).ToList();
        return Task.FromResult(new JobPage([.. page.Select(Snapshot)], found.Count > query.Limit ? WriteCursor(page[^1]) : null));
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancel) => engine.RaiseAsync(id, GenerateVideo.CancelEvent);

    public async Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) =>
        store.Find(notificationId) is { Workflow: Notify.Name } ended
        && await engine.StartAsync(Notify.Name, notificationId, ended.Input, replaceEnded: true);

    private JobSnapshot Snapshot(Instance instance)
    {
        var job = JsonSerializer.Deserialize(instance.Input, PipelineJson.Default.VideoJob)!;
        var state = instance.Status is { } status ? JsonSerializer.Deserialize(status, PipelineJson.Default.JobState)! : JobState.Initial(job);
        if (instance.Outcome is "failed" && !state.HasEnded())
        {
            // The workflow itself broke: a defect, or a journal that another version wrote. The job must not look as if it went on.
            state = state with { Status = JobStatus.Failed, Error = new(ErrorCodes.InternalError, "The job's workflow broke; the log says why. Resume the job when the cause is gone.") };
        }
        return new(job, state, instance.Outcome is null, [.. state.Receivers.Select(Notification)]);
    }

    private NotificationState Notification(Receiver receiver)
    {
        var instance = store.Find(receiver.NotificationId);
        return instance?.Status is { } status
            ? JsonSerializer.Deserialize(status, PipelineJson.Default.NotificationState)!
            : new(receiver.NotificationId, receiver.Host, DeliveryState.Pending, 0);
    }

    private static string WriteCursor(Instance last) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{last.CreatedAt.UtcTicks.ToString(CultureInfo.InvariantCulture)}|{last.Id}"));

    private static (long CreatedAt, string Id) ReadCursor(string cursor)
    {
        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('|', 2);
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var createdAt)
            ? (createdAt, parts[1])
            : throw new FormatException("The cursor is not one of ours.");
    }
}
