using System.Collections.Concurrent;
using DurableTask.Core;
using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using Microsoft.DurableTask.Testing.Sidecar;

namespace KlingFunctions.Tests.Host;

/// <summary>When a test is told of a step, or of a workflow's turn.</summary>
internal enum StepMoment
{
    /// <summary>The step is given out, and does not run yet. Of a turn nothing is told then.</summary>
    Taken,

    /// <summary>It has run, and its outcome is not written down yet.</summary>
    Done,

    /// <summary>The outcome is written down, and nothing has come of it yet.</summary>
    Written,
}

/// <summary>
/// Durable's own in-memory backend, which outlives the processes that work on it. It gives back what a dead one had taken, as a lease that
/// runs out would.
/// </summary>
internal sealed class Backend : InMemoryOrchestrationService, IOrchestrationService, IOrchestrationServiceClient
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    private readonly ConcurrentDictionary<TaskActivityWorkItem, bool> _activities = [];
    private readonly ConcurrentDictionary<TaskOrchestrationWorkItem, bool> _orchestrations = [];
    private readonly Lock _gate = new();
    private int _life;
    private long _moves;
    private volatile TaskCompletionSource _timePasses = Passing();

    /// <summary>Told of each step and each turn, by the activity's or the orchestrator's name, and awaited: a test may kill the process right there.</summary>
    public Func<string, StepMoment, Task> AtStep { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Told of each start before it is looked whether the instance is there, and awaited.</summary>
    public Func<Task> AtStart { get; set; } = () => Task.CompletedTask;

    /// <summary>
    /// Starts as Azure Storage does: it does not look and write in one, so of starts at the same moment all hear that they were first. The
    /// instance is that of the first all the same, and the others never run.
    /// </summary>
    public bool StartsHearNothing { get; set; }

    // The dispatcher polls every half second where it has reached the limit, so there is none.
    int IOrchestrationService.MaxConcurrentTaskOrchestrationWorkItems => int.MaxValue;

    int IOrchestrationService.MaxConcurrentTaskActivityWorkItems => int.MaxValue;

    /// <summary>Waits until nothing has been taken or finished for a moment. Until then no timer fires.</summary>
    public async Task RestAsync(CancellationToken limit)
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _timePasses = held;
        try
        {
            long seen;
            do
            {
                seen = Interlocked.Read(ref _moves);
                await Task.Delay(Quiet, limit);
            }
            while (!_activities.IsEmpty || !_orchestrations.IsEmpty || seen != Interlocked.Read(ref _moves));
        }
        finally
        {
            held.SetResult();
        }
    }

    /// <summary>The process that worked on it is dead: what it had taken is free again, and what it still says is not heard.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            _life++;
            foreach (var item in _activities.Keys) AbandonTaskActivityWorkItemAsync(item).GetAwaiter().GetResult();
            foreach (var (item, settled) in _orchestrations)
            {
                if (!settled) AbandonTaskOrchestrationWorkItemAsync(item).GetAwaiter().GetResult();
                ReleaseTaskOrchestrationWorkItemAsync(item).GetAwaiter().GetResult();
            }
            _activities.Clear();
            _orchestrations.Clear();
        }
    }

    async Task<TaskActivityWorkItem> IOrchestrationService.LockNextTaskActivityWorkItem(TimeSpan timeout, CancellationToken cancel)
    {
        var life = _life;
        var item = await LockNextTaskActivityWorkItem(timeout, cancel);
        if (!IsTaken(_activities, item, life))
        {
            await AbandonTaskActivityWorkItemAsync(item);
            throw new OperationCanceledException();
        }
        await AtStep(NameOf(item), StepMoment.Taken);
        return _activities.ContainsKey(item) ? item : throw new OperationCanceledException();
    }

    async Task<TaskOrchestrationWorkItem> IOrchestrationService.LockNextTaskOrchestrationWorkItemAsync(TimeSpan timeout, CancellationToken cancel)
    {
        var life = _life;
        var item = await LockNextTaskOrchestrationWorkItemAsync(timeout, cancel);
        if (IsTaken(_orchestrations, item, life)) return item;
        await AbandonTaskOrchestrationWorkItemAsync(item);
        await ReleaseTaskOrchestrationWorkItemAsync(item);
        throw new OperationCanceledException();
    }

    async Task IOrchestrationService.CompleteTaskActivityWorkItemAsync(TaskActivityWorkItem item, TaskMessage response)
    {
        await AtStep(NameOf(item), StepMoment.Done);
        lock (_gate)
        {
            if (!_activities.TryRemove(item, out _)) return;
            _moves++;
            CompleteTaskActivityWorkItemAsync(item, response).GetAwaiter().GetResult();
        }
        await AtStep(NameOf(item), StepMoment.Written);
    }

    Task IOrchestrationService.AbandonTaskActivityWorkItemAsync(TaskActivityWorkItem item)
    {
        lock (_gate) return _activities.TryRemove(item, out _) ? AbandonTaskActivityWorkItemAsync(item) : Task.CompletedTask;
    }

    async Task IOrchestrationService.CompleteTaskOrchestrationWorkItemAsync(
        TaskOrchestrationWorkItem item, OrchestrationRuntimeState state, IList<TaskMessage> outbound, IList<TaskMessage> orchestrator,
        IList<TaskMessage> timers, TaskMessage anew, OrchestrationState status)
    {
        await AtStep(state.Name, StepMoment.Done);
        lock (_gate)
        {
            _moves++;
            if (!_orchestrations.TryUpdate(item, true, false)) return;
            CompleteTaskOrchestrationWorkItemAsync(item, state, outbound, orchestrator, [], anew, status).GetAwaiter().GetResult();
            foreach (var timer in timers) _ = FireAsync(timer);
        }
        await AtStep(state.Name, StepMoment.Written);
    }

    Task IOrchestrationService.AbandonTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem item)
    {
        lock (_gate) return _orchestrations.TryUpdate(item, true, false) ? AbandonTaskOrchestrationWorkItemAsync(item) : Task.CompletedTask;
    }

    Task IOrchestrationService.ReleaseTaskOrchestrationWorkItemAsync(TaskOrchestrationWorkItem item)
    {
        lock (_gate) return _orchestrations.TryRemove(item, out _) ? ReleaseTaskOrchestrationWorkItemAsync(item) : Task.CompletedTask;
    }

    async Task IOrchestrationServiceClient.CreateTaskOrchestrationAsync(TaskMessage creation, OrchestrationStatus[] dedupeStatuses)
    {
        await AtStart();
        try
        {
            await CreateTaskOrchestrationAsync(creation, dedupeStatuses);
        }
        catch (OrchestrationAlreadyExistsException) when (StartsHearNothing)
        {
        }
    }

    private static string NameOf(TaskActivityWorkItem item) => ((TaskScheduledEvent)item.TaskMessage.Event).Name!;

    private static TaskCompletionSource Passing()
    {
        var passing = new TaskCompletionSource();
        passing.SetResult();
        return passing;
    }

    private async Task FireAsync(TaskMessage timer)
    {
        var wait = ((TimerFiredEvent)timer.Event).FireAt - DateTime.UtcNow;
        if (wait > TimeSpan.Zero) await Task.Delay(wait);
        await _timePasses.Task;
        await SendTaskOrchestrationMessageAsync(timer);
    }

    private bool IsTaken<T>(ConcurrentDictionary<T, bool> taken, T item, int life) where T : notnull
    {
        lock (_gate)
        {
            _moves++;
            return life == _life && taken.TryAdd(item, false);
        }
    }
}
