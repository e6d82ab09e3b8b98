using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Contracts.Stores;

/// <summary>The spending guards are exact, whoever asks at once and however often.</summary>
public abstract class QuotaContract : IDisposable
{
    protected static readonly DateOnly Today = new(2026, 1, 1);

    private readonly Lazy<Quota[]> _hosts;

    protected QuotaContract() => _hosts = new(() => [.. Enumerable.Range(0, HostCount).Select(_ => new Quota(Documents, TimeProvider.System))]);

    protected abstract IDocuments Documents { get; }

    /// <summary>How many hosts share the store.</summary>
    protected virtual int HostCount => 3;

    protected IReadOnlyList<Quota> Hosts => _hosts.Value;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (var host in Hosts) host.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Of_the_days_yesterday_and_the_last_seven_are_kept()
    {
        for (var n = 0; n < 12; n++) await Hosts[0].TryTakeDayAsync("job", Today.AddDays(n), 1, Cancel);
        Assert.Equal(
            Enumerable.Range(4, 8).Select(n => $"quota/days/2026-01-{n + 1:D2}"), await Documents.ListAsync("quota/days/", Cancel).ToListAsync(Cancel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3650)]
    [InlineData(-3650)]
    public async Task The_cap_of_a_day_holds_though_the_clock_was_away_in_another_day(int days)
    {
        var quota = Hosts[0];
        Assert.True(await quota.TryTakeDayAsync("a", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("b", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("c", Today.AddDays(days), 2, Cancel));
        Assert.False(await quota.TryTakeDayAsync("d", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("a", Today, 2, Cancel));
    }

    [Fact]
    public async Task A_days_cap_is_exact_whoever_comes_at_once_and_a_repeat_takes_no_second_place()
    {
        Assert.Equal(7, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today, 7, Cancel)));
        // The same again: who had a place has it still, and nobody else gets one.
        Assert.Equal(7, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today, 7, Cancel)));
        Assert.Equal(5, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today.AddDays(1), 5, Cancel)));
    }

    [Fact]
    public async Task A_call_that_is_late_at_midnight_finds_its_own_day_as_full_as_it_was()
    {
        Assert.True(await Hosts[0].TryTakeDayAsync("last-of-today", Today, 1, Cancel));
        Assert.True(await Hosts[0].TryTakeDayAsync("first-of-tomorrow", Today.AddDays(1), 1, Cancel));
        Assert.False(await Hosts[0].TryTakeDayAsync("late", Today, 1, Cancel));
    }

    [Fact]
    public async Task The_places_in_flight_are_exact_and_come_back_once_each()
    {
        Assert.Equal(4, await CountAsync((quota, job) => quota.TryEnterAsync(job, 4, Cancel)));
        await CountAsync(async (quota, job) =>
        {
            await Task.WhenAll(quota.LeaveAsync(job, Cancel), quota.LeaveAsync(job, Cancel));
            return true;
        });
        Assert.Equal(4, await CountAsync((quota, job) => quota.TryEnterAsync(job, 4, Cancel)));
    }

    [Fact]
    public async Task Around_midnight_each_of_the_two_days_is_exact()
    {
        var granted = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Task.Run(async () =>
            (Day: i % 2, Granted: await Hosts[i % Hosts.Count].TryTakeDayAsync($"job-{i}", Today.AddDays(i % 2), 6, Cancel)))));
        Assert.Equal((6, 6), (granted.Count(g => g is { Day: 0, Granted: true }), granted.Count(g => g is { Day: 1, Granted: true })));
    }

    [Fact]
    public async Task While_jobs_come_and_go_no_more_have_a_place_than_there_are_and_none_gets_lost()
    {
        var (inside, most) = (0, 0);
        await CountAsync(async (quota, job) =>
        {
            for (var round = 0; round < 2; round++)
            {
                if (!await quota.TryEnterAsync(job, 4, Cancel)) continue;
                InterlockedMax(ref most, Interlocked.Increment(ref inside));
                // One that was killed after it had come in asks again, and leaves again.
                Assert.True(await quota.TryEnterAsync(job, 4, Cancel));
                Interlocked.Decrement(ref inside);
                for (var n = 0; n < 2; n++) await quota.LeaveAsync(job, Cancel);
            }
            return true;
        }, callers: 30);
        Assert.InRange(most, 1, 4);
        Assert.Equal(4, await CountAsync((quota, job) => quota.TryEnterAsync(job, 4, Cancel), callers: 30));
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most)) Interlocked.CompareExchange(ref most, value, seen);
    }

    private Task<int> CountAsync(Func<Quota, string, Task<bool>> call, int callers = 100) => Callers.CountAsync(callers, i => call(Hosts[i % Hosts.Count], $"job-{i}"));
}
