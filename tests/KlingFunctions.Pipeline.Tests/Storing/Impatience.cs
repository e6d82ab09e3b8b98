namespace KlingFunctions.Pipeline.Tests.Storing;

/// <summary>A clock on which waits of up to half a minute end at once, and longer ones never.</summary>
internal sealed class Impatience : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new SkippingTimer(TimeProvider.System.CreateTimer(callback, state, Skip(dueTime), period));

    private static TimeSpan Skip(TimeSpan due) => due <= TimeSpan.FromSeconds(30) && due >= TimeSpan.Zero ? TimeSpan.Zero : Timeout.InfiniteTimeSpan;

    private sealed class SkippingTimer(ITimer inner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => inner.Change(Skip(dueTime), period);

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
