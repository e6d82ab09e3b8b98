namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Runs the continuations of a workflow's awaits in order on the caller's thread, so that the end of its work is known.</summary>
internal sealed class WorkflowThread : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Run, object? State)> _queue = new();

    public override void Post(SendOrPostCallback d, object? state) => _queue.Enqueue((d, state));

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
