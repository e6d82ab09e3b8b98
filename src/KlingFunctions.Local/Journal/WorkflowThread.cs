namespace KlingFunctions.Local.Journal;

/// <summary>
/// The scheduler of one workflow: whatever its awaits continue with is queued here and run in order by whoever feeds it, so that it
/// never runs on two threads at a time, and it is known when it has come to rest.
/// </summary>
internal sealed class WorkflowThread : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Run, object? State)> _queue = new();

    public override void Post(SendOrPostCallback d, object? state) => _queue.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs an action on this scheduler, and all that follows from it, until the workflow waits.</summary>
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
