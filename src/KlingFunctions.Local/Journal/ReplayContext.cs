using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>A task that the workflow asked for and that has not happened yet.</summary>
internal abstract record PendingTask(int Number, string Name, TaskCompletionSource<string?> Done);

internal sealed record PendingStep(int Number, string Name, Func<string> Input, TaskCompletionSource<string?> Done) : PendingTask(Number, Name, Done);

internal sealed record PendingTimer(int Number, DateTimeOffset Due, TaskCompletionSource<string?> Done) : PendingTask(Number, "timer", Done);

internal sealed record PendingChild(int Number, string Workflow, string Id, string Input, TaskCompletionSource<string?> Done)
    : PendingTask(Number, Id, Done);

/// <summary>
/// A workflow while it is in memory: it is run from its start and fed what has happened, one happening at a time, until there is no
/// more to feed. Then its pending tasks are what it waits for.
/// </summary>
internal sealed class ReplayContext(Instance instance, JsonSerializerOptions json) : IWorkflowContext
{
    private readonly SortedDictionary<int, PendingTask> _pending = [];
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiters = [];
    private readonly Dictionary<string, int> _unseen = [];
    private int _tasks;

    public string Id => instance.Id;

    public DateTimeOffset Now { get; private set; } = instance.StartedAt;

    /// <summary>What the workflow reported last, in this run or one before; null if nothing.</summary>
    public string? Status { get; private set; } = instance.Status;

    /// <summary>The input of the next run, if the workflow asked for one.</summary>
    public string? NextInput { get; private set; }

    /// <summary>What the workflow waits for, in the order in which it asked.</summary>
    public IReadOnlyCollection<PendingTask> Pending => _pending.Values;

    /// <summary>The names of the events that were raised and that nobody waited for.</summary>
    public IEnumerable<string> UnseenEvents => _unseen.SelectMany(e => Enumerable.Repeat(e.Key, e.Value));

    public async Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var output = await Ask((number, done) => new PendingStep(number, step.Name, () => JsonSerializer.Serialize(input, json), done));
                return JsonSerializer.Deserialize<TOut>(output!, json)!;
            }
            catch (StepFailedException) when (step.Retry is { } retry && attempt < retry.MaxAttempts)
            {
                await WaitUntilAsync(Now + step.Retry.DelayAfter(attempt), CancellationToken.None);
            }
        }
    }

    public async Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancel)
    {
        if (time <= Now) return;
        PendingTask? timer = null;
        var fired = Ask((number, done) => timer = new PendingTimer(number, time, done));
        using var forget = cancel.Register(() =>
        {
            if (_pending.Remove(timer!.Number)) timer.Done.SetCanceled(cancel);
        });
        await fired;
    }

    public Task WaitForEventAsync(string name)
    {
        if (_unseen.TryGetValue(name, out var count) && count > 0)
        {
            _unseen[name] = count - 1;
            return Task.CompletedTask;
        }
        if (!_waiters.TryGetValue(name, out var waiters)) _waiters[name] = waiters = new();
        var waiter = new TaskCompletionSource();
        waiters.Enqueue(waiter);
        return waiter.Task;
    }

    public void ReportStatus<T>(T status) => Status = JsonSerializer.Serialize(status, json);

    public Task StartChildAsync<TIn>(string workflow, string id, TIn input)
    {
        var written = JsonSerializer.Serialize(input, json);
        return Ask((number, done) => new PendingChild(number, workflow, id, written, done));
    }

    public void ContinueAsNew<TIn>(TIn input) => NextInput = JsonSerializer.Serialize(input, json);

    /// <summary>Lets the workflow see one happening.</summary>
    /// <exception cref="NotDeterministicException">It does not wait for that: its code is not what wrote the history.</exception>
    public void Feed(Happening happening)
    {
        if (happening.Kind is HappeningKind.ClockSetBack)
        {
            SetBack(happening.At);
            return;
        }
        // The machine's clock is put right by seconds now and then; the workflow's does not go back for that.
        if (happening.At > Now) Now = happening.At;
        if (happening.Kind is HappeningKind.EventRaised)
        {
            Raise(happening.Name);
            return;
        }
        if (!_pending.Remove(happening.Task, out var task))
        {
            // A timer that the workflow gave up may still have fired; anything else was asked for by other code.
            if (happening.Kind is HappeningKind.TimerFired && happening.Task < _tasks) return;
            throw new NotDeterministicException(Id, happening, null);
        }
        if (task.Name != happening.Name) throw new NotDeterministicException(Id, happening, task.Name);
        if (!Enum.IsDefined(happening.Kind)) throw new NotDeterministicException(Id, happening, task.Name);
        if (happening.Kind is HappeningKind.StepFailed) task.Done.SetException(new StepFailedException(happening.Name, happening.Value!));
        else task.Done.SetResult(happening.Value);
    }

    /// <summary>Every wait is one from <see cref="Now"/> on, and lasts no longer because of the clock.</summary>
    private void SetBack(DateTimeOffset now)
    {
        var by = Now - now;
        Now = now;
        foreach (var timer in _pending.Values.OfType<PendingTimer>().ToList()) _pending[timer.Number] = timer with { Due = timer.Due - by };
    }

    private void Raise(string name)
    {
        // Once the run is over, whoever still waits in it looks no more: the event is the next run's.
        if (NextInput is null && _waiters.TryGetValue(name, out var waiters) && waiters.TryDequeue(out var first))
        {
            first.SetResult();
            return;
        }
        _unseen[name] = _unseen.GetValueOrDefault(name) + 1;
    }

    private Task<string?> Ask(Func<int, TaskCompletionSource<string?>, PendingTask> ask)
    {
        // Its continuations run on the workflow's own scheduler, where they are awaited, so they may run inline.
        var task = ask(_tasks, new TaskCompletionSource<string?>());
        _pending.Add(_tasks++, task);
        return task.Done.Task;
    }
}

/// <summary>The history of a workflow does not fit its code.</summary>
internal sealed class NotDeterministicException(string id, Happening happening, string? waitsFor) : Exception(
    $"The history of {id} does not fit its workflow: it has {happening.Kind} of '{happening.Name}' for task {happening.Task}, where the workflow {(waitsFor is null ? "waits for nothing" : $"waits for '{waitsFor}'")}.");
