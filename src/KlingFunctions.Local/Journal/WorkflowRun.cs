using System.Diagnostics;
using System.Threading.Channels;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// One active workflow instance. It replays its history, runs the requested steps, commits each outcome before the workflow sees it, and
/// leaves memory when it only waits.
/// </summary>
/// <param name="id">The instance's id.</param>
/// <param name="catalog">The code of workflows and steps.</param>
/// <param name="store">The journal's rows.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Logs failures.</param>
/// <param name="wake">Wakes the engine after children became due.</param>
internal sealed partial class WorkflowRun(
    string id, WorkflowCatalog catalog, InstanceStore store, TimeProvider time, ILogger logger, Action wake)
{
    private readonly Channel<HistoryEvent> _finished = Channel.CreateUnbounded<HistoryEvent>(new() { SingleReader = true });
    private readonly Dictionary<int, Task> _steps = [];
    private readonly WorkflowThread _thread = new();

    // The inbox is read at the start; later events come with a wake-up.
    private volatile bool _inboxUnread = true;

    private static readonly HistoryEvent WakeSignal = new(HistoryEventKind.EventRaised, -1, "", null, default);

    /// <summary>Completes when this run has ended, successfully or not.</summary>
    public Task Ended { get; set; } = Task.CompletedTask;

    /// <summary>Signals that an event is in the inbox.</summary>
    public void Wake()
    {
        _inboxUnread = true;
        _finished.Writer.TryWrite(WakeSignal);
    }

    /// <summary>Runs until the instance waits, has ended, or continues as new.</summary>
    /// <param name="stopping">The host stops: no further step begins; running steps may finish.</param>
    /// <param name="abort">The grace period is over: running steps are interrupted, and run again after the next start.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken abort)
    {
        if (store.Load(id) is not { } recorded) return;
        var (instance, history) = recorded;
        using var scope = logger.BeginScope(new Dictionary<string, object> { ["InstanceId"] = id, ["Workflow"] = instance.Workflow });
        using var unwanted = CancellationTokenSource.CreateLinkedTokenSource(abort);
        var context = new ReplayContext(instance, catalog.Json);
        try
        {
            var code = catalog.Workflow(instance.Workflow);
            Task<string> workflow = null!;
            _thread.Run(() => workflow = code.RunAsync(context, instance.Input));
            Feed(context, history);

            var place = history.Count;
            var shown = instance.Status;
            while (!workflow.IsCompleted)
            {
                if (stopping.IsCancellationRequested && _steps.Count == 0) return;
                if (context.Status != shown && context.Pending.Any(p => p is PendingStep && !_steps.ContainsKey(p.Number)))
                {
                    // Not awaited: the writer keeps the order, and a status need not delay the workflow.
                    _ = store.WriteStatusAsync(id, shown = context.Status);
                }
                StartSteps(context, instance.Trace, stopping, unwanted.Token);

                var (newEvents, children, inboxRead) = NewEvents(context);
                if (newEvents.Count > 0)
                {
                    place = await AppendAsync(place, newEvents, children, inboxRead, context.Status, instance.Trace, stopping);
                    shown = context.Status;
                    if (children.Count > 0) wake();
                    Feed(context, newEvents);
                }
                else if (_steps.Count > 0)
                {
                    await WaitAsync(context, abort);
                }
                else
                {
                    if (await store.RestAsync(id, NextTimer(context), context.Status)) return;
                    _inboxUnread = true;
                }
            }
            await EndAsync(context, workflow);
        }
        catch (Exception e) when (e is NotDeterministicException or KeyNotFoundException)
        {
            LogForeign(logger, e);
            await store.EndAsync(id, "failed", e.Message, context.Status);
        }
        catch (Exception)
        {
            // The journal failed, not the running steps, one of which may be a paid POST. The next run waits for them, so that no step runs
            // twice at a time.
            await Task.WhenAll(_steps.Values).WaitAsync(abort).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        finally
        {
            // Steps that the workflow no longer waits for need not finish.
            await unwanted.CancelAsync();
        }
    }

    /// <summary>
    /// Retries until the journal can be written. Meanwhile the outcomes stay in memory: one may be the id of a paid request, which can't be
    /// fetched from RunComfy again.
    /// </summary>
    private async Task<int> AppendAsync(
        int place, List<HistoryEvent> newEvents, List<PendingChild> children, long inboxRead, string? status, string? trace, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                return await store.AppendAsync(id, place, newEvents, children, inboxRead, status, trace, time.GetUtcNow());
            }
            catch (JournalException e) when (!stopping.IsCancellationRequested)
            {
                LogNotWritten(logger, id, e.Message);
                await Task.WhenAny(Task.Delay(WorkflowEngine.RetryDelay, time, stopping));
            }
        }
    }

    private void Feed(ReplayContext context, IReadOnlyList<HistoryEvent> events)
    {
        foreach (var recorded in events) _thread.Run(() => context.Feed(recorded));
    }

    private async Task EndAsync(ReplayContext context, Task<string> workflow)
    {
        if (context.NextInput is { } next)
        {
            await store.ContinueAsNewAsync(id, next, [.. context.UnseenEvents], context.Status, context.Now, time.GetUtcNow());
        }
        else if (workflow.IsCompletedSuccessfully)
        {
            await store.EndAsync(id, "completed", await workflow, context.Status);
        }
        else
        {
            var reason = workflow.Exception?.GetBaseException() ?? new OperationCanceledException("The workflow cancelled itself.");
            LogWorkflowFailed(logger, reason);
            await store.EndAsync(id, "failed", reason.Message, context.Status);
        }
    }

    /// <summary>The new events, in the order in which the workflow will see them.</summary>
    private (List<HistoryEvent> Events, List<PendingChild> Children, long InboxRead) NewEvents(ReplayContext context)
    {
        var now = time.GetUtcNow();
        var newEvents = new List<HistoryEvent>();
        if (now < context.Now - WorkflowEngine.ClockTolerance) newEvents.Add(new(HistoryEventKind.ClockSetBack, 0, "clock", null, now));
        while (_finished.Reader.TryRead(out var finished))
        {
            if (ReferenceEquals(finished, WakeSignal)) continue;
            _steps.Remove(finished.Task);
            newEvents.Add(finished with { At = now });
        }
        var inboxRead = 0L;
        if (_inboxUnread)
        {
            _inboxUnread = false;
            foreach (var (place, name) in store.Inbox(id))
            {
                newEvents.Add(new(HistoryEventKind.EventRaised, 0, name, null, now));
                inboxRead = place;
            }
        }
        var children = context.Pending.OfType<PendingChild>().ToList();
        newEvents.AddRange(children.Select(c => new HistoryEvent(HistoryEventKind.ChildStarted, c.Number, c.Name, null, now)));
        newEvents.AddRange(context.Pending.OfType<PendingTimer>().Where(t => t.Due <= now).OrderBy(t => t.Due)
            .Select(t => new HistoryEvent(HistoryEventKind.TimerFired, t.Number, t.Name, null, now)));
        return (newEvents, children, inboxRead);
    }

    private void StartSteps(ReplayContext context, string? trace, CancellationToken stopping, CancellationToken abort)
    {
        if (stopping.IsCancellationRequested) return;
        foreach (var step in context.Pending.OfType<PendingStep>())
        {
            if (!_steps.ContainsKey(step.Number)) _steps.Add(step.Number, RunStepAsync(step, trace, abort));
        }
    }

    private async Task RunStepAsync(PendingStep step, string? trace, CancellationToken abort)
    {
        await Task.Yield();
        using var span = JobTrace.Continue(step.Name, id, trace);
        HistoryEvent recorded;
        try
        {
            var output = await catalog.Step(step.Name).RunAsync(step.Input(), abort);
            recorded = new(HistoryEventKind.StepCompleted, step.Number, step.Name, output, default);
        }
        catch (Exception) when (abort.IsCancellationRequested)
        {
            // The exception of an interrupted step is not an outcome: the step runs again after the next start.
            return;
        }
        catch (Exception e)
        {
            LogStepFailed(logger, e, step.Name);
            // Not the message, which may contain data that does not belong in a trace.
            span?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", e.GetType().FullName);
            recorded = new(HistoryEventKind.StepFailed, step.Number, step.Name, e.Message, default);
        }
        _finished.Writer.TryWrite(recorded);
    }

    /// <summary>Waits for a finished step, an event, or the next timer.</summary>
    private async Task WaitAsync(ReplayContext context, CancellationToken abort)
    {
        var sleep = NextTimer(context) - time.GetUtcNow() is { } left && left < WorkflowEngine.LongestSleep ? left : WorkflowEngine.LongestSleep;
        if (sleep <= TimeSpan.Zero) return;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(abort);
        await Task.WhenAny(_finished.Reader.WaitToReadAsync(enough.Token).AsTask(), Task.Delay(sleep, time, enough.Token));
        await enough.CancelAsync();
        abort.ThrowIfCancellationRequested();
    }

    private static DateTimeOffset? NextTimer(ReplayContext context) =>
        context.Pending.OfType<PendingTimer>().Min(t => (DateTimeOffset?)t.Due);

    [LoggerMessage(LogLevel.Error, "The history of {InstanceId} could not be written; it is retried every few seconds. {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string instanceId, string reason);

    [LoggerMessage(LogLevel.Warning, "The step {Step} failed.")]
    private static partial void LogStepFailed(ILogger logger, Exception e, string step);

    [LoggerMessage(LogLevel.Error, "The workflow failed.")]
    private static partial void LogWorkflowFailed(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Error, "The workflow was ended, because its history does not fit its code.")]
    private static partial void LogForeign(ILogger logger, Exception e);
}
