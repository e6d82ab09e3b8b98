using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>
/// An engine that keeps nothing but what it needs: many workflows over real steps, on a clock that moves only when all of them wait. Steps
/// run one at a time and in order, so that the same world tells the same story.
/// </summary>
internal sealed class InMemoryEngine(StageClock clock, Func<WorkflowCatalog> catalog, Func<bool> hangs) : IJobs
{
    private const int MostHappenings = 50_000;

    private static readonly JsonSerializerOptions Json = PipelineJson.Default.Options;

    private readonly Dictionary<string, Instance> _instances = [];
    private int _happenings;

    /// <summary>Runs until all have ended, or until a time.</summary>
    /// <exception cref="TimeoutException">They go on for ever.</exception>
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

    public Task<bool> StartAsync(VideoJob job, CancellationToken cancel) => Task.FromResult(Start(GenerateVideo.Name, job.Id, JsonSerializer.Serialize(job, Json)));

    public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel)
    {
        if (!_instances[job.Id].HasEnded) return Task.FromResult(false);
        _instances.Remove(job.Id);
        return StartAsync(job, cancel);
    }

    public Task<bool> CancelAsync(string id, CancellationToken cancel)
    {
        var instance = _instances[id];
        if (instance.HasEnded) return Task.FromResult(false);
        Feed(instance, new(clock.GetUtcNow(), -1, Event: GenerateVideo.CancelEvent));
        return Task.FromResult(true);
    }

    public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel) => Task.FromResult<JobSnapshot?>(Get(id));

    public JobSnapshot Get(string id)
    {
        var instance = _instances[id];
        var state = instance.Status is { } status ? JsonSerializer.Deserialize<JobState>(status, Json) : null;
        return JobSnapshot.Of(
            JsonSerializer.Deserialize<VideoJob>(instance.Input, Json)!, state, RunOf(instance), [.. (state?.Receivers ?? []).Select(r => Notification(r.NotificationId))]);
    }

    public NotificationState Notification(string id) => JsonSerializer.Deserialize<NotificationState>(_instances[id].Status!, Json)!;

    public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel) => throw new NotSupportedException();

    public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) => throw new NotSupportedException();

    public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancel) => throw new NotSupportedException();

    public Task ForgetAsync(JobSnapshot job, CancellationToken cancel) => throw new NotSupportedException();

    private static RunState RunOf(Instance instance) =>
        !instance.HasEnded ? RunState.Running : instance.Run.IsCompletedSuccessfully ? RunState.Completed : RunState.Broken;

    /// <summary>What happens next: the first step that was called, or else the first timer.</summary>
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

    private void Feed(Instance instance, Happening happening)
    {
        instance.Context.Feed(happening);
        TakeIn(instance);
    }

    private void TakeIn(Instance instance)
    {
        var context = instance.Context;
        foreach (var deed in context.Deeds.Skip(instance.Seen))
        {
            if (deed is Deed.Reported reported) instance.Status = reported.Status;
            else if (deed is Deed.Started child) Start(child.Workflow, child.Id, child.Input);
        }
        instance.Seen = context.Deeds.Count;
        if (instance.Run.IsCompleted && context.NextInput is { } next) Begin(instance, next, context.Unseen);
    }

    private void PassUntil(DateTimeOffset time)
    {
        if (time > clock.GetUtcNow()) clock.SetUtcNow(time);
    }

    private async Task<Happening> OutcomeAsync(Pending step)
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

        /// <summary>How many of the run's deeds have been seen to.</summary>
        public int Seen { get; set; }

        public bool HasEnded => Run.IsCompleted;
    }
}
