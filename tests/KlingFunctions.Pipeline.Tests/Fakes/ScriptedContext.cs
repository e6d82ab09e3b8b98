using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>An action of a workflow.</summary>
internal abstract record RecordedCall
{
    /// <summary>The workflow called a step.</summary>
    internal sealed record Called(string Step, string Input) : RecordedCall;

    /// <summary>The workflow began to sleep.</summary>
    internal sealed record Slept(DateTimeOffset Due) : RecordedCall;

    /// <summary>The workflow reported a status.</summary>
    internal sealed record Reported(string Status) : RecordedCall;

    /// <summary>The workflow started a child.</summary>
    internal sealed record Started(string Workflow, string Id, string Input) : RecordedCall;

    /// <summary>The workflow continued as new.</summary>
    internal sealed record BeganAnew(string Input) : RecordedCall;
}

/// <summary>An event of a workflow's history: a step's outcome, a timer, or, with a negative number, a raised event.</summary>
internal sealed record HistoryEvent(DateTimeOffset At, int Number, string? Outcome = null, StepFailedException? Failure = null, string? Event = null);

/// <summary>A pending task of a workflow.</summary>
/// <param name="Number">The number of the task.</param>
/// <param name="Name">The step's name, or <c>timer</c>.</param>
/// <param name="Input">The step's input as JSON.</param>
/// <param name="Due">When the timer is due.</param>
internal sealed record Pending(int Number, string Name, string? Input, DateTimeOffset? Due)
{
    public TaskCompletionSource<string> Done { get; } = new();
}

/// <summary>
/// One run of a workflow without an engine. All inputs and outputs are JSON, as in a real history; nothing happens unless the test feeds
/// events.
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

    public List<RecordedCall> Calls { get; } = [];

    public Func<string, bool> FailsToStart { get; init; } = _ => false;

    public IReadOnlyList<Pending> Pending => _pending;

    public IReadOnlyList<string> Unseen => _unseen;

    public string? NextInput => Calls.OfType<RecordedCall.BeganAnew>().LastOrDefault()?.Input;

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

    public void Feed(HistoryEvent historyEvent) => _thread.Run(() =>
    {
        Now = historyEvent.At;
        if (historyEvent.Event is { } name)
        {
            if (_waiters.TryGetValue(name, out var waiters) && waiters.TryDequeue(out var waiter)) waiter.SetResult();
            else _unseen.Add(name);
            return;
        }
        var task = _pending.Single(p => p.Number == historyEvent.Number);
        _pending.Remove(task);
        if (historyEvent.Failure is { } failure) task.Done.SetException(failure);
        else task.Done.SetResult(historyEvent.Outcome ?? "");
    });

    public async Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input)
    {
        var json = JsonSerializer.Serialize(input, Json);
        Calls.Add(new RecordedCall.Called(step.Name, json));
        return JsonSerializer.Deserialize<TOut>(await Ask(new(_tasks, step.Name, json, null)), Json)!;
    }

    public async Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        if (time <= Now) return;
        Calls.Add(new RecordedCall.Slept(time));
        var timer = new Pending(_tasks, "timer", null, time);
        using var forget = cancellationToken.Register(() =>
        {
            if (_pending.Remove(timer)) timer.Done.SetCanceled(cancellationToken);
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

    public void ReportStatus<T>(T status) => Calls.Add(new RecordedCall.Reported(JsonSerializer.Serialize(status, Json)));

    public Task StartChildAsync<TIn>(string workflow, string id, TIn input)
    {
        if (FailsToStart(id)) return Task.FromException(new StepFailedException("StartChild", "no disk"));
        Calls.Add(new RecordedCall.Started(workflow, id, JsonSerializer.Serialize(input, Json)));
        return Task.CompletedTask;
    }

    public void ContinueAsNew<TIn>(TIn input) => Calls.Add(new RecordedCall.BeganAnew(JsonSerializer.Serialize(input, Json)));

    private Task<string> Ask(Pending task)
    {
        _tasks++;
        _pending.Add(task);
        return task.Done.Task;
    }
}
