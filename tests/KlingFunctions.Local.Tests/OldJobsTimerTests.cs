using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

public sealed class OldJobsTimerTests
{
    [Fact]
    public async Task Refused_start_ends_the_timer_without_a_failure()
    {
        var time = new WatchedTime();
        var timer = new OldJobsTimer(null!, time, NullLogger<OldJobsTimer>.Instance);
        await timer.StartAsync(TestContext.Current.CancellationToken);
        await time.Ticking;
        // Services of a host that did not start are disposed of without being stopped.
        timer.Dispose();
        await timer.ExecuteTask!;
    }

    private sealed class WatchedTime : FakeTimeProvider
    {
        private readonly TaskCompletionSource _ticking = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ticking => _ticking.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _ticking.TrySetResult();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
