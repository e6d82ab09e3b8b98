namespace KlingFunctions.Pipeline.Workflow;

/// <summary>
/// What a workflow may know of the world. A workflow is deterministic: it is run again from its recorded history after every
/// wait and every crash, so it reads no clock, no configuration and no random source, and does no I/O, but through this context.
/// It awaits only tasks that came from here (and <see cref="Task.WhenAny(Task[])"/> over them), never with
/// <c>ConfigureAwait(false)</c> or <c>Task.Run</c>.
/// </summary>
public interface IWorkflowContext
{
    /// <summary>The instance id: chosen by whoever started the workflow, the same over restarts.</summary>
    string Id { get; }

    /// <summary>
    /// The deterministic clock (UTC): the time of the last recorded happening, the same in every replay. It goes back only if the machine's
    /// clock was set back by more than a minute; what is waited for by then comes so much earlier.
    /// </summary>
    DateTimeOffset Now { get; }

    /// <summary>
    /// Runs a step (an activity). Its outcome is written down before the workflow goes on. If the process dies before that, the
    /// step runs again: a step runs at least once.
    /// </summary>
    /// <exception cref="StepFailedException">The step threw, and its retry policy, if any, is used up.</exception>
    Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input);

    /// <summary>
    /// A durable timer: completes when <see cref="Now"/> has reached <paramref name="time"/>, at once if it has already; survives a
    /// restart. A cancelled timer is forgotten.
    /// </summary>
    Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancel);

    /// <summary>
    /// Completes when an event of this name has been raised; one raised before anyone waited is kept for the first to wait. Each event
    /// wakes one waiter, and which one is up to the engine. Names differ by more than case. Written down before it is seen, it survives a
    /// restart. A wait can't be taken back: Durable would hand the next event to a waiter that has gone.
    /// </summary>
    Task WaitForEventAsync(string name);

    /// <summary>Replaces what the outside sees of this instance. Keep it small: Durable Functions allows 16 KB.</summary>
    void ReportStatus<T>(T status);

    /// <summary>
    /// Starts a workflow of its own that outlives this one. Completes when the start is written down, not when the child has finished.
    /// Starting an id that is there already does nothing, so a repeat is harmless.
    /// </summary>
    /// <exception cref="StepFailedException">It could not be started, though it was tried again and again.</exception>
    Task StartChildAsync<TIn>(string workflow, string id, TIn input);

    /// <summary>
    /// Ends this run, once the workflow has returned, by starting it anew under the same id with this input and an empty history. It is
    /// the last call of a run. Events that woke no waiter before it are kept. What the run returns is ignored.
    /// </summary>
    void ContinueAsNew<TIn>(TIn input);
}
