namespace KlingFunctions.Local.Journal;

/// <summary>
/// The scheduler of one workflow: continuations of its awaits are queued here, and the caller of <see cref="Run"/> runs them in order. So
/// the workflow never runs on two threads at a time, and <see cref="Run"/> returns when it waits.
/// </summary>
internal sealed class WorkflowThread : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Run, object? State)> _queue = new();

    public override void Post(SendOrPostCallback d, object? state) => _queue.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs an action and its continuations on this scheduler until the workflow waits.</summary>
    public void Run(Action action)
    {
        var outside = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
            while (_queue.TryDequeue(out var next)) next.Run(next.State);
        }
        finally
        {
            SetSynchronizationContext(outside);
        }
    }
}
