using System.Diagnostics;
using System.Threading.Channels;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// One workflow instance while it has something to do. It replays what is written down, runs the steps it then asks for, writes each
/// outcome down before the workflow sees it, and leaves memory when all it does is wait.
/// </summary>
/// <param name="id">Which instance.</param>
/// <param name="catalog">Its code.</param>
/// <param name="store">Its rows.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Takes what goes wrong.</param>
/// <param name="wake">Called when children have become due.</param>
internal sealed partial class WorkflowRun(
    string id, WorkflowCatalog catalog, InstanceStore store, TimeProvider time, ILogger logger, Action wake)
{
    private readonly Channel<Happening> _finished = Channel.CreateUnbounded<Happening>(new() { SingleReader = true });
    private readonly Dictionary<int, Task> _steps = [];
    private readonly WorkflowThread _thread = new();

    // What came into the inbox while the instance rested is looked for at the start; after that, there is a poke.
    private volatile bool _inboxUnread = true;

    private static readonly Happening Nudge = new(HappeningKind.EventRaised, -1, "", null, default);

    /// <summary>Completes when this run has ended, however it did.</summary>
    public Task Ended { get; set; } = Task.CompletedTask;

    /// <summary>Says that an event has come into the inbox.</summary>
    public void Poke()
    {
        _inboxUnread = true;
        _finished.Writer.TryWrite(Nudge);
    }

    /// <summary>Runs until the instance rests, has ended, or is to begin anew.</summary>
    /// <param name="stopping">The host stops: no further step is begun; what is under way may finish.</param>
    /// <param name="abort">The host's patience is over: steps under way are broken off, to be run again after the next start.</param>
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
                    // Not awaited: the writer keeps the order, and a status is not worth waiting for.
                    _ = store.ShowAsync(id, shown = context.Status);
                }
                StartSteps(context, instance.Trace, stopping, unwanted.Token);

                var (happened, children, inboxTaken) = Happened(context);
                if (happened.Count > 0)
                {
                    place = await AppendAsync(place, happened, children, inboxTaken, context.Status, instance.Trace, stopping);
                    shown = context.Status;
                    if (children.Count > 0) wake();
                    Feed(context, happened);
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
            // It was the journal that failed, not the steps under way, and one of them may be a paid POST. The next run waits until they
            // are done, so that no step runs twice at a time.
            await Task.WhenAll(_steps.Values).WaitAsync(abort).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        finally
        {
            // Whatever the workflow no longer waits for need not finish.
            await unwanted.CancelAsync();
        }
    }

    /// <summary>
    /// While the journal can't be written, what has happened is kept in mind: the id of a request that is paid for may be among it, and
    /// who asks RunComfy anew does not get it.
    /// </summary>
    private async Task<int> AppendAsync(
        int place, List<Happening> happened, List<PendingChild> children, long inboxTaken, string? status, string? trace, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                return await store.AppendAsync(id, place, happened, children, inboxTaken, status, trace, time.GetUtcNow());
            }
            catch (JournalException e) when (!stopping.IsCancellationRequested)
            {
                LogNotWritten(logger, id, e.Message);
                await Task.WhenAny(Task.Delay(WorkflowEngine.AfterABrokenRun, time, stopping));
            }
        }
    }

    private void Feed(ReplayContext context, IReadOnlyList<Happening> happenings)
    {
        foreach (var happening in happenings) _thread.Run(() => context.Feed(happening));
    }

    private async Task EndAsync(ReplayContext context, Task<string> workflow)
    {
        if (context.NextInput is { } next)
        {
            await store.BeginAnewAsync(id, next, [.. context.UnseenEvents], context.Status, context.Now, time.GetUtcNow());
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

    /// <summary>What has happened since the last look, in the order in which the workflow is to see it.</summary>
    private (List<Happening> Happened, List<PendingChild> Children, long InboxTaken) Happened(ReplayContext context)
    {
        var now = time.GetUtcNow();
        var happened = new List<Happening>();
        if (now < context.Now - WorkflowEngine.ClockTolerance) happened.Add(new(HappeningKind.ClockSetBack, 0, "clock", null, now));
        while (_finished.Reader.TryRead(out var finished))
        {
            if (ReferenceEquals(finished, Nudge)) continue;
            _steps.Remove(finished.Task);
            happened.Add(finished with { At = now });
        }
        var inboxTaken = 0L;
        if (_inboxUnread)
        {
            _inboxUnread = false;
            foreach (var (place, name) in store.Inbox(id))
            {
                happened.Add(new(HappeningKind.EventRaised, 0, name, null, now));
                inboxTaken = place;
            }
        }
        var children = context.Pending.OfType<PendingChild>().ToList();
        happened.AddRange(children.Select(c => new Happening(HappeningKind.ChildStarted, c.Number, c.Name, null, now)));
        happened.AddRange(context.Pending.OfType<PendingTimer>().Where(t => t.Due <= now).OrderBy(t => t.Due)
            .Select(t => new Happening(HappeningKind.TimerFired, t.Number, t.Name, null, now)));
        return (happened, children, inboxTaken);
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
        using var activity = KlingTelemetry.Source.StartActivity(step.Name, ActivityKind.Internal, trace);
        activity?.SetTag("kling.instance_id", id);
        Happening happening;
        try
        {
            var output = await catalog.Step(step.Name).RunAsync(step.Input(), abort);
            happening = new(HappeningKind.StepCompleted, step.Number, step.Name, output, default);
        }
        catch (Exception) when (abort.IsCancellationRequested)
        {
            // Whatever it throws then is no outcome: the step runs again after the next start, if it is still wanted.
            return;
        }
        catch (Exception e)
        {
            LogStepFailed(logger, e, step.Name);
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            happening = new(HappeningKind.StepFailed, step.Number, step.Name, e.Message, default);
        }
        _finished.Writer.TryWrite(happening);
    }

    /// <summary>Waits until a step has finished, an event has come, or the next timer may be due.</summary>
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

    [LoggerMessage(LogLevel.Error, "What happened to {InstanceId} could not be written; it is tried again every few seconds. {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string instanceId, string reason);

    [LoggerMessage(LogLevel.Warning, "The step {Step} failed.")]
    private static partial void LogStepFailed(ILogger logger, Exception e, string step);

    [LoggerMessage(LogLevel.Error, "The workflow failed.")]
    private static partial void LogWorkflowFailed(ILogger logger, Exception e);

    [LoggerMessage(LogLevel.Error, "The workflow was ended, for its history is not that of its code.")]
    private static partial void LogForeign(ILogger logger, Exception e);
}
