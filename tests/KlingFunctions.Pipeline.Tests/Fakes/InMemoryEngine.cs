using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>
/// A minimal engine: many workflows over real steps, on a clock that advances only when all of them wait. Steps run one at a time and in
/// order, so that equal inputs give equal runs.
/// </summary>
internal sealed class InMemoryEngine(StageClock clock, Func<WorkflowCatalog> catalog, Func<bool> hangs) : IJobs
{
    private const int MostHappenings = 50_000;

    private static readonly JsonSerializerOptions Json = PipelineJson.Default.Options;

    private readonly Dictionary<string, Instance> _instances = [];
    private int _happenings;

    /// <summary>Runs until all workflows have ended, or until a time.</summary>
    /// <exception cref="TimeoutException">The workflows never end.</exception>
    public async Task RunAsync(DateTimeOffset? until = null)
    {
        while (NextOf(_instances.Values.Where(i => !i.HasEnded)) is var (instance, pending))
        {
            if (++_happenings > MostHappenings) throw new TimeoutException($"{instance.Id} does not end: {instance.Status}");
            if (pending.Due is { } due)
            {
                if (due > until) break;
                PassUntil(due);
                Feed(instance, new(clock.GetUtcNow(), pending.Number));
            }
            else
            {
                var outcome = await OutcomeAsync(pending);
                Feed(instance, outcome with { At = clock.GetUtcNow() });
            }
        }
        if (until is { } end) PassUntil(end);
    }

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken) => Task.FromResult(Start(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, Json)));

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken)
    {
        if (!_instances[job.Id].HasEnded) return Task.FromResult(false);
        _instances.Remove(job.Id);
        return StartAsync(job, cancellationToken);
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancellationToken)
    {
        var instance = _instances[id];
        if (instance.HasEnded) return Task.FromResult(false);
        Feed(instance, new(clock.GetUtcNow(), -1, Event: GenerateVideo.CancelEvent));
        return Task.FromResult(true);
    }

    public Task CallAsync(string id, CancellationToken cancellationToken)
    {
        if (!_instances[id].HasEnded) Feed(_instances[id], new(clock.GetUtcNow(), -1, Event: GenerateVideo.PlaceEvent));
        return Task.CompletedTask;
    }

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken) => Task.FromResult<JobSnapshot?>(Get(id));

    public Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken) => GetAsync(id, cancellationToken);

    public Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken) => Task.FromResult<VideoJob?>(Get(id).Job);

    public JobSnapshot Get(string id)
    {
        var instance = _instances[id];
        var state = instance.Status is { } status ? JsonSerializer.Deserialize<JobState>(status, Json) : null;
        return JobSnapshot.Of(
            JsonSerializer.Deserialize<VideoJob>(instance.Input, Json)!, state, RunOf(instance), [.. (state?.Receivers ?? []).Select(r => Notification(r.NotificationId))]);
    }

    public NotificationState Notification(string id) => JsonSerializer.Deserialize<NotificationState>(_instances[id].Status!, Json)!;

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task NotifyAsync(Notification notification, CancellationToken cancellationToken) =>
        Task.FromResult(Start(Notify.Name, notification.Receiver.NotificationId, JsonSerializer.Serialize(notification, Json)));

    public Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) => throw new NotSupportedException();

    public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken) => throw new NotSupportedException();

    private static RunState RunOf(Instance instance) =>
        !instance.HasEnded ? RunState.Running : instance.Run.IsCompletedSuccessfully ? RunState.Completed : RunState.Broken;

    /// <summary>The next event: the outcome of the first called step, or else the first timer.</summary>
    private static (Instance Instance, Pending Pending)? NextOf(IEnumerable<Instance> running)
    {
        var all = running.SelectMany(i => i.Context.Pending, (i, p) => ((Instance, Pending)?)(i, p)).ToList();
        return all.Find(p => p!.Value.Item2.Due is null) ?? all.MinBy(p => p!.Value.Item2.Due);
    }

    private bool Start(string workflow, string id, string input)
    {
        if (_instances.ContainsKey(id)) return false;
        var instance = new Instance(id, workflow);
        _instances.Add(id, instance);
        Begin(instance, input, []);
        return true;
    }

    private void Begin(Instance instance, string input, IEnumerable<string> events)
    {
        (instance.Input, instance.Context, instance.Seen) = (input, new(instance.Id, clock.GetUtcNow(), events), 0);
        instance.Run = instance.Context.Start(catalog().Workflow(instance.Workflow), input);
        TakeIn(instance);
    }

    private void Feed(Instance instance, HistoryEvent historyEvent)
    {
        instance.Context.Feed(historyEvent);
        TakeIn(instance);
    }

    private void TakeIn(Instance instance)
    {
        var context = instance.Context;
        foreach (var deed in context.Calls.Skip(instance.Seen))
        {
            if (deed is RecordedCall.Reported reported) instance.Status = reported.Status;
            else if (deed is RecordedCall.Started child) Start(child.Workflow, child.Id, child.Input);
        }
        instance.Seen = context.Calls.Count;
        if (instance.Run.IsCompleted && context.NextInput is { } next) Begin(instance, next, context.Unseen);
    }

    private void PassUntil(DateTimeOffset time)
    {
        if (time > clock.GetUtcNow()) clock.SetUtcNow(time);
    }

    private async Task<HistoryEvent> OutcomeAsync(Pending step)
    {
        var work = catalog().Step(step.Name).RunAsync(step.Input!, CancellationToken.None);
        try
        {
            await clock.LetEndAsync(work, hangs);
            return new(default, step.Number, await work);
        }
        catch (Exception e) when (work.IsFaulted)
        {
            return new(default, step.Number, Failure: new(step.Name, e.Message));
        }
    }

    private sealed class Instance(string id, string workflow)
    {
        public string Id => id;

        public string Workflow => workflow;

        public string Input { get; set; } = "";

        public ScriptedContext Context { get; set; } = null!;

        public Task<string> Run { get; set; } = null!;

        public string? Status { get; set; }

        /// <summary>The number of the run's calls that are handled.</summary>
        public int Seen { get; set; }

        public bool HasEnded => Run.IsCompleted;
    }
}
