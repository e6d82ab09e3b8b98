using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Something that a workflow did.</summary>
internal abstract record Deed
{
    /// <summary>It called a step.</summary>
    internal sealed record Called(string Step, string Input) : Deed;

    /// <summary>It began to sleep.</summary>
    internal sealed record Slept(DateTimeOffset Due) : Deed;

    /// <summary>It reported a status.</summary>
    internal sealed record Reported(string Status) : Deed;

    /// <summary>It started a child.</summary>
    internal sealed record Started(string Workflow, string Id, string Input) : Deed;

    /// <summary>It asked for a new run.</summary>
    internal sealed record BeganAnew(string Input) : Deed;
}

/// <summary>Something that happens to a workflow: a step's outcome, a timer, or, with a negative number, an event.</summary>
internal sealed record Happening(DateTimeOffset At, int Number, string? Outcome = null, StepFailedException? Failure = null, string? Event = null);

/// <summary>What a workflow waits for.</summary>
/// <param name="Number">Which of its tasks it is.</param>
/// <param name="Name">The step's name, or <c>timer</c>.</param>
/// <param name="Input">The step's input as JSON.</param>
/// <param name="Due">When the timer is due.</param>
internal sealed record Pending(int Number, string Name, string? Input, DateTimeOffset? Due)
{
    public TaskCompletionSource<string> Done { get; } = new();
}

/// <summary>
/// One run of a workflow without an engine. Whatever crosses its border is JSON, as in a real history; nothing happens unless it is fed.
/// </summary>
internal sealed class ScriptedContext : IWorkflowContext
{
    private static readonly JsonSerializerOptions Json = PipelineJson.Default.Options;

    private readonly WorkflowThread _thread = new();
    private readonly List<Pending> _pending = [];
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiters = [];
    private readonly List<string> _unseen;
    private int _tasks;

    public ScriptedContext(string id, DateTimeOffset now, IEnumerable<string> events)
    {
        (Id, Now) = (id, now);
        _unseen = [.. events];
    }

    public string Id { get; }

    public DateTimeOffset Now { get; private set; }

    public List<Deed> Deeds { get; } = [];

    public Func<string, bool> FailsToStart { get; init; } = _ => false;

    public IReadOnlyList<Pending> Pending => _pending;

    public IReadOnlyList<string> Unseen => _unseen;

    public string? NextInput => Deeds.OfType<Deed.BeganAnew>().LastOrDefault()?.Input;

    public Task<TOut> Start<TIn, TOut>(Func<IWorkflowContext, TIn, Task<TOut>> workflow, string input)
    {
        Task<TOut>? run = null;
        _thread.Run(() => run = workflow(this, JsonSerializer.Deserialize<TIn>(input, Json)!));
        return run!;
    }

    public Task<string> Start(CataloguedWorkflow workflow, string input)
    {
        Task<string>? run = null;
        _thread.Run(() => run = workflow.RunAsync(this, input));
        return run!;
    }

    public void Feed(Happening happening) => _thread.Run(() =>
    {
        Now = happening.At;
        if (happening.Event is { } name)
        {
            if (_waiters.TryGetValue(name, out var waiters) && waiters.TryDequeue(out var waiter)) waiter.SetResult();
            else _unseen.Add(name);
            return;
        }
        var task = _pending.Single(p => p.Number == happening.Number);
        _pending.Remove(task);
        if (happening.Failure is { } failure) task.Done.SetException(failure);
        else task.Done.SetResult(happening.Outcome ?? "");
    });

    public async Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input)
    {
        var json = JsonSerializer.Serialize(input, Json);
        Deeds.Add(new Deed.Called(step.Name, json));
        return JsonSerializer.Deserialize<TOut>(await Ask(new(_tasks, step.Name, json, null)), Json)!;
    }

    public async Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancel)
    {
        if (time <= Now) return;
        Deeds.Add(new Deed.Slept(time));
        var timer = new Pending(_tasks, "timer", null, time);
        using var forget = cancel.Register(() =>
        {
            if (_pending.Remove(timer)) timer.Done.SetCanceled(cancel);
        });
        await Ask(timer);
    }

    public Task WaitForEventAsync(string name)
    {
        if (_unseen.Remove(name)) return Task.CompletedTask;
        var waiter = new TaskCompletionSource();
        if (!_waiters.TryGetValue(name, out var waiters)) _waiters[name] = waiters = new();
        waiters.Enqueue(waiter);
        return waiter.Task;
    }

    public void ReportStatus<T>(T status) => Deeds.Add(new Deed.Reported(JsonSerializer.Serialize(status, Json)));

    public Task StartChildAsync<TIn>(string workflow, string id, TIn input)
    {
        if (FailsToStart(id)) return Task.FromException(new StepFailedException("StartChild", "no disk"));
        Deeds.Add(new Deed.Started(workflow, id, JsonSerializer.Serialize(input, Json)));
        return Task.CompletedTask;
    }

    public void ContinueAsNew<TIn>(TIn input) => Deeds.Add(new Deed.BeganAnew(JsonSerializer.Serialize(input, Json)));

    private Task<string> Ask(Pending task)
    {
        _tasks++;
        _pending.Add(task);
        return task.Done.Task;
    }
}
