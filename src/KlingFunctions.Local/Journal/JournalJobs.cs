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
internal sealed partial class JournalJobs(WorkflowEngine engine, InstanceStore store, TimeProvider time, ILogger<JournalJobs> logger) : IJobs
{
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(90);

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken) =>
        engine.StartAsync(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, PipelineJson.Default.VideoJob));

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken) =>
        engine.StartAsync(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, PipelineJson.Default.VideoJob), replaceEnded: true);

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(store.Find(id) is { Workflow: GenerateVideo.Name } instance ? Snapshot(instance) : null);

    public async Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken)
    {
        var job = await GetAsync(id, cancellationToken);
        if (job is not { IsEnding: true }) return job;
        await Task.WhenAny(engine.EndOfRunAsync(id), Task.Delay(SettlesWithin, time, cancellationToken));
        return await GetAsync(id, cancellationToken);
    }

    public Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(store.Find(id) is { Workflow: GenerateVideo.Name } instance ? JobOf(instance) : null);

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken)
    {
        // One row more than the page shows whether there is a next page.
        var found = store.List(GenerateVideo.Name, query.Filter, query.Cursor is { } cursor ? ReadCursor(cursor) : null, query.Limit + 1);
        var page = found.Take(query.Limit).ToList();
        return Task.FromResult(new JobPage([.. page.Select(Readable).OfType<JobSnapshot>()], found.Count > query.Limit ? WriteCursor(page[^1]) : null));
    }

    public Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken)
    {
        var counts = store.Count(GenerateVideo.Name, filter);
        return Task.FromResult<IReadOnlyDictionary<JobStatus, int>>(
            Enum.GetValues<JobStatus>().Where(s => counts.ContainsKey(JsonWord.Of(s))).ToDictionary(s => s, s => counts[JsonWord.Of(s)]));
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancellationToken) => engine.RaiseAsync(id, GenerateVideo.CancelEvent);

    public Task CallAsync(string id, CancellationToken cancellationToken) => engine.RaiseAsync(id, GenerateVideo.PlaceEvent);

    public Task NotifyAsync(Notification notification, CancellationToken cancellationToken) => engine.StartAsync(
        Notify.Name, notification.Receiver.NotificationId, JsonSerializer.Serialize(notification, PipelineJson.Default.Notification));

    public Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken) => store.ForgetEndedAsync(id, Notify.IdsBeginWith(id));

    public async Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) =>
        store.Find(notificationId) is { Workflow: Notify.Name } ended
        && await engine.StartAsync(Notify.Name, notificationId, ended.Input, replaceEnded: true);

    public async IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        (long CreatedAt, string Id)? last = (time.UtcTicks, "");
        while (last is { } from)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = store.List(GenerateVideo.Name, JobFilter.All, from, limit: 100);
            foreach (var job in page.Select(Readable).OfType<JobSnapshot>()) yield return job;
            last = page.Count > 0 ? (page[^1].CreatedAt.UtcTicks, page[^1].Id) : null;
            await Task.Yield();
        }
    }

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken) =>
        // A resumed job has notifications of earlier runs. If they stayed, a new job under this id would find them and notify nobody.
        store.ForgetEndedAsync(job.Job.Id, Notify.IdsBeginWith(job.Job.Id));

    /// <summary>The job; null if it can't be read, so that it does not hide the others.</summary>
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
        var state = instance.Status is { } status ? JsonSerializer.Deserialize(status, PipelineJson.Default.JobState) : null;
        return JobSnapshot.Of(JobOf(instance), state, RunOf(instance), [.. (state?.Receivers ?? []).Select(Notification)]);
    }

    private static VideoJob JobOf(Instance instance) =>
        JsonSerializer.Deserialize(instance.Input, PipelineJson.Default.VideoJob) ?? throw new JsonException("The input is null.");

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
            : throw new FormatException("The cursor does not belong to this journal.");
    }

    [LoggerMessage(LogLevel.Error, "The journal's row of {JobId} can't be read and is skipped: restore a backup, or delete the row. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string jobId, string reason);
}
