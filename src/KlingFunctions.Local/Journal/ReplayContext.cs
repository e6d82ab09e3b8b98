using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>A task that the workflow has requested and that is not complete yet.</summary>
internal abstract record PendingTask(int Number, string Name, TaskCompletionSource<string?> Done);

internal sealed record PendingStep(int Number, string Name, Func<string> Input, TaskCompletionSource<string?> Done) : PendingTask(Number, Name, Done);

internal sealed record PendingTimer(int Number, DateTimeOffset Due, TaskCompletionSource<string?> Done) : PendingTask(Number, "timer", Done);

internal sealed record PendingChild(int Number, string Workflow, string Id, string Input, TaskCompletionSource<string?> Done)
    : PendingTask(Number, Id, Done);

/// <summary>
/// A workflow in memory. It runs from the start and replays its history, one event at a time. After the last event, its pending tasks are
/// those it waits for.
/// </summary>
internal sealed class ReplayContext(Instance instance, JsonSerializerOptions json) : IWorkflowContext
{
    private readonly SortedDictionary<int, PendingTask> _pending = [];
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiters = [];
    private readonly Dictionary<string, int> _unseen = [];
    private int _tasks;

    public string Id => instance.Id;

    public DateTimeOffset Now { get; private set; } = instance.StartedAt;

    /// <summary>The last reported status, of this run or an earlier one; null if none.</summary>
    public string? Status { get; private set; } = instance.Status;

    /// <summary>The input of the next run, if the workflow asked to continue as new.</summary>
    public string? NextInput { get; private set; }

    /// <summary>The pending tasks, in the order of the calls.</summary>
    public IReadOnlyCollection<PendingTask> Pending => _pending.Values;

    /// <summary>The names of raised events that nothing has waited for.</summary>
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

    public async Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        if (time <= Now) return;
        PendingTask? timer = null;
        var fired = Ask((number, done) => timer = new PendingTimer(number, time, done));
        using var forget = cancellationToken.Register(() =>
        {
            if (_pending.Remove(timer!.Number)) timer.Done.SetCanceled(cancellationToken);
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

    /// <summary>Feeds one event to the workflow.</summary>
    /// <exception cref="NotDeterministicException">The workflow does not wait for this event: other code wrote the history.</exception>
    public void Feed(HistoryEvent recorded)
    {
        if (recorded.Kind is HistoryEventKind.ClockSetBack)
        {
            SetBack(recorded.At);
            return;
        }
        // Small corrections of the machine's clock do not set the workflow's clock back.
        if (recorded.At > Now) Now = recorded.At;
        if (recorded.Kind is HistoryEventKind.EventRaised)
        {
            Raise(recorded.Name);
            return;
        }
        if (!_pending.Remove(recorded.Task, out var task))
        {
            // A cancelled timer may still fire. Any other unknown event means that other code wrote the history.
            if (recorded.Kind is HistoryEventKind.TimerFired && recorded.Task < _tasks) return;
            throw new NotDeterministicException(Id, recorded, null);
        }
        if (task.Name != recorded.Name) throw new NotDeterministicException(Id, recorded, task.Name);
        if (!Enum.IsDefined(recorded.Kind)) throw new NotDeterministicException(Id, recorded, task.Name);
        if (recorded.Kind is HistoryEventKind.StepFailed) task.Done.SetException(new StepFailedException(recorded.Name, recorded.Value!));
        else task.Done.SetResult(recorded.Value);
    }

    /// <summary>Moves pending timers with the clock, so that a clock set back does not prolong them.</summary>
    private void SetBack(DateTimeOffset now)
    {
        var by = Now - now;
        Now = now;
        foreach (var timer in _pending.Values.OfType<PendingTimer>().ToList()) _pending[timer.Number] = timer with { Due = timer.Due - by };
    }

    private void Raise(string name)
    {
        // After the end of a run its waiters are ignored: the event belongs to the next run.
        if (NextInput is null && _waiters.TryGetValue(name, out var waiters) && waiters.TryDequeue(out var first))
        {
            first.SetResult();
            return;
        }
        _unseen[name] = _unseen.GetValueOrDefault(name) + 1;
    }

    private Task<string?> Ask(Func<int, TaskCompletionSource<string?>, PendingTask> ask)
    {
        // Continuations run on the workflow's own scheduler, so they may run inline.
        var task = ask(_tasks, new TaskCompletionSource<string?>());
        _pending.Add(_tasks++, task);
        return task.Done.Task;
    }
}

/// <summary>The history of a workflow does not fit its code.</summary>
internal sealed class NotDeterministicException(string id, HistoryEvent recorded, string? waitsFor) : Exception(
    $"The history of {id} does not fit its workflow: it has {recorded.Kind} of '{recorded.Name}' for task {recorded.Task}, where the workflow {(waitsFor is null ? "waits for nothing" : $"waits for '{waitsFor}'")}.");
