namespace KlingFunctions.Pipeline.Workflow;

/// <summary>
/// The only access of a workflow to its surroundings. A workflow is deterministic: it replays its recorded history after every wait and
/// every crash, so it reads no clock, no configuration and no random source, and does no I/O, except through this context. It awaits only
/// tasks from here (and <see cref="Task.WhenAny(Task[])"/> over them), never with <c>ConfigureAwait(false)</c> or <c>Task.Run</c>.
/// </summary>
public interface IWorkflowContext
{
    /// <summary>The instance id: chosen by the starter of the workflow, the same over restarts.</summary>
    string Id { get; }

    /// <summary>
    /// The deterministic clock (UTC): the time of the last recorded event, the same in every replay. It goes back only if the machine's
    /// clock was set back by more than a minute; timers then end earlier by that much.
    /// </summary>
    DateTimeOffset Now { get; }

    /// <summary>
    /// Runs a step (an activity). Its outcome is saved before the workflow continues. If the process dies before that, the step runs again:
    /// a step runs at least once.
    /// </summary>
    /// <exception cref="StepFailedException">The step threw, and its retry policy, if any, is used up.</exception>
    Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input);

    /// <summary>
    /// A durable timer: completes when <see cref="Now"/> has reached <paramref name="time"/>, at once if it has already; survives a
    /// restart. A cancelled timer is deleted.
    /// </summary>
    Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>
    /// Completes when an event of this name is raised; an event without a waiter is saved for the first one. Each event wakes one waiter,
    /// chosen by the engine. Names differ by more than case. Events are saved before delivery, and survive a restart. A wait can't be
    /// cancelled: Durable would give the next event to a waiter that no longer exists.
    /// </summary>
    Task WaitForEventAsync(string name);

    /// <summary>Replaces the visible status of this instance. Durable Functions allows 16 KB.</summary>
    void ReportStatus<T>(T status);

    /// <summary>
    /// Starts a workflow that outlives this one. Completes when the start is saved, not when the child has finished. Idempotent: nothing
    /// happens if the id exists.
    /// </summary>
    /// <exception cref="StepFailedException">Every try to start it failed.</exception>
    Task StartChildAsync<TIn>(string workflow, string id, TIn input);

    /// <summary>
    /// Restarts the workflow, once it has returned, under the same id with this input and an empty history. It must be the last call of a
    /// run. Events without a waiter are preserved. The run's return value is ignored.
    /// </summary>
    void ContinueAsNew<TIn>(TIn input);
}
