using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>Jobs as instances in the journal.</summary>
internal sealed partial class JournalJobs(WorkflowEngine engine, InstanceStore store, ILogger<JournalJobs> logger) : IJobs
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
        return Task.FromResult(new JobPage([.. page.Select(Readable).OfType<JobSnapshot>()], found.Count > query.Limit ? WriteCursor(page[^1]) : null));
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancel) => engine.RaiseAsync(id, GenerateVideo.CancelEvent);

    public async Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) =>
        store.Find(notificationId) is { Workflow: Notify.Name } ended
        && await engine.StartAsync(Notify.Name, notificationId, ended.Input, replaceEnded: true);

    public async IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, [EnumeratorCancellation] CancellationToken cancel)
    {
        (long CreatedAt, string Id)? last = (time.UtcTicks, "");
        while (last is { } from)
        {
            cancel.ThrowIfCancellationRequested();
            var page = store.List(GenerateVideo.Name, status: null, from, limit: 100);
            foreach (var job in page.Select(Readable).OfType<JobSnapshot>()) yield return job;
            last = page.Count > 0 ? (page[^1].CreatedAt.UtcTicks, page[^1].Id) : null;
            await Task.Yield();
        }
    }

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancel) =>
        // Of the earlier runs of a resumed job there are notifications too. If they stayed, a new job under this id would find them there, and tell nobody.
        store.ForgetEndedAsync(job.Job.Id, Notify.IdsBeginWith(job.Job.Id));

    /// <summary>One that can't be read hides no other.</summary>
    private JobSnapshot? Readable(Instance instance)
    {
        try
        {
            return Snapshot(instance);
        }
        catch (JsonException e)
        {
            LogUnreadable(logger, instance.Id, e.Message);
            return null;
        }
    }

    private JobSnapshot Snapshot(Instance instance)
    {
        var job = JsonSerializer.Deserialize(instance.Input, PipelineJson.Default.VideoJob) ?? throw new JsonException("The input is null.");
        var state = instance.Status is { } status ? JsonSerializer.Deserialize(status, PipelineJson.Default.JobState) : null;
        return JobSnapshot.Of(job, state, RunOf(instance), [.. (state?.Receivers ?? []).Select(Notification)]);
    }

    private NotificationState Notification(Receiver receiver)
    {
        var instance = store.Find(receiver.NotificationId);
        var reported = instance?.Status is { } status ? JsonSerializer.Deserialize(status, PipelineJson.Default.NotificationState) : null;
        return NotificationState.Of(receiver, reported, instance is null ? RunState.Running : RunOf(instance));
    }

    private static RunState RunOf(Instance instance) => instance.Outcome switch
    {
        null => RunState.Running,
        "failed" => RunState.Broken,
        _ => RunState.Completed,
    };

    private static string WriteCursor(Instance last) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{last.CreatedAt.UtcTicks.ToString(CultureInfo.InvariantCulture)}|{last.Id}"));

    private static (long CreatedAt, string Id) ReadCursor(string cursor)
    {
        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('|', 2);
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var createdAt)
            ? (createdAt, parts[1])
            : throw new FormatException("The cursor is not one of ours.");
    }

    [LoggerMessage(LogLevel.Error, "The journal's row of {JobId} can't be read and is passed over: restore a backup, or delete the row. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string jobId, string reason);
}
