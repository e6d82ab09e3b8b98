using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>
/// A clock that knows its sleepers, so that it can be advanced exactly when nothing else is left to run. The timer of a
/// <see cref="CancellationTokenSource"/> is a time limit of work that may end before it; every other timer is a sleep.
/// </summary>
internal sealed class StageClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    private readonly Lock _lock = new();
    private readonly List<StageTimer> _timers = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new StageTimer(this, base.CreateTimer(callback, state, dueTime, period), isLimit: state is CancellationTokenSource);
        timer.IsDueIn(dueTime);
        lock (_lock) _timers.Add(timer);
        return timer;
    }

    /// <summary>Runs work to its end, and advances time whenever it only sleeps, or waits for an answer that never comes.</summary>
    /// <param name="work">The work.</param>
    /// <param name="hangs">Whether a known call never gets an answer.</param>
    public async Task LetEndAsync(Task work, Func<bool> hangs)
    {
        while (!work.IsCompleted)
        {
            var hung = hangs();
            if ((hung || Next(t => !t.IsLimit) is not null) && Next(_ => true) is { } due)
            {
                SetUtcNow(due);
                // A call that has just timed out is only noticed a moment later; until then this must not count as another hang.
                for (var looks = 0; hung && looks < 200 && hangs(); looks++) await Task.Delay(1);
            }
            else
            {
                await Task.WhenAny(work, Task.Delay(1));
            }
        }
        await work;
    }

    private DateTimeOffset? Next(Func<StageTimer, bool> among)
    {
        lock (_lock) return _timers.Where(t => t.Due > GetUtcNow() && among(t)).Min(t => t.Due);
    }

    private sealed class StageTimer(StageClock clock, ITimer timer, bool isLimit) : ITimer
    {
        public bool IsLimit => isLimit;

        public DateTimeOffset? Due { get; private set; }

        public void IsDueIn(TimeSpan dueTime) => Due = dueTime == Timeout.InfiniteTimeSpan ? null : clock.GetUtcNow() + dueTime;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock) IsDueIn(dueTime);
            return timer.Change(dueTime, period);
        }

        public void Dispose()
        {
            lock (clock._lock) clock._timers.Remove(this);
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
