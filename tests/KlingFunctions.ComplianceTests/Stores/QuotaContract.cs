using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Caps are exact under concurrent and repeated calls.</summary>
public abstract class QuotaContract : IDisposable
{
    protected static readonly DateOnly Today = new(2026, 1, 1);

    private readonly Lazy<Quota[]> _hosts;

    protected QuotaContract() => _hosts = new(() => [.. Enumerable.Range(0, HostCount).Select(_ => new Quota(Documents, TimeProvider.System))]);

    protected abstract IDocuments Documents { get; }

    /// <summary>The number of hosts that share the store.</summary>
    protected virtual int HostCount => 3;

    protected IReadOnlyList<Quota> Hosts => _hosts.Value;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (var host in Hosts) host.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Counts_of_the_last_seven_days_are_kept()
    {
        for (var n = 0; n < 12; n++) await Hosts[0].TryTakeDayAsync("job", Today.AddDays(n), 1, Cancel);
        Assert.Equal(
            Enumerable.Range(4, 8).Select(n => $"quota/days/2026-01-{n + 1:D2}"), await Documents.ListAsync("quota/days/", Cancel).ToListAsync(Cancel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3650)]
    [InlineData(-3650)]
    public async Task Daily_cap_holds_after_the_clock_showed_another_day(int days)
    {
        var quota = Hosts[0];
        Assert.True(await quota.TryTakeDayAsync("a", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("b", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("c", Today.AddDays(days), 2, Cancel));
        Assert.False(await quota.TryTakeDayAsync("d", Today, 2, Cancel));
        Assert.True(await quota.TryTakeDayAsync("a", Today, 2, Cancel));
    }

    [Fact]
    public async Task Several_jobs_are_counted_at_once_in_order_up_to_the_cap()
    {
        await Hosts[0].TryTakeDayAsync("b", Today, 3, Cancel);
        for (var times = 0; times < 2; times++) await Hosts[^1].TakeDayAsync(["a", "b", "c", "d"], Today, 3, Cancel);
        foreach (var key in new[] { "a", "b", "c" }) Assert.True(await Hosts[0].TryTakeDayAsync(key, Today, 3, Cancel));
        Assert.False(await Hosts[0].TryTakeDayAsync("d", Today, 3, Cancel));
    }

    [Fact]
    public async Task Daily_cap_is_exact_under_concurrency_and_a_repeat_counts_once()
    {
        Assert.Equal(7, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today, 7, Cancel)));
        // A repeat: jobs with a place keep it, and no other job gets one.
        Assert.Equal(7, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today, 7, Cancel)));
        Assert.Equal(5, await CountAsync((quota, job) => quota.TryTakeDayAsync(job, Today.AddDays(1), 5, Cancel)));
    }

    [Fact]
    public async Task Late_call_at_midnight_counts_for_its_own_day()
    {
        Assert.True(await Hosts[0].TryTakeDayAsync("last-of-today", Today, 1, Cancel));
        Assert.True(await Hosts[0].TryTakeDayAsync("first-of-tomorrow", Today.AddDays(1), 1, Cancel));
        Assert.False(await Hosts[0].TryTakeDayAsync("late", Today, 1, Cancel));
    }

    [Fact]
    public async Task Slots_in_flight_are_exact_and_each_is_released_once()
    {
        Assert.Equal(4, await CountAsync((quota, job) => quota.TryEnterAsync(job, 4, Cancel)));
        await CountAsync(async (quota, job) =>
        {
            await Task.WhenAll(quota.ReleaseSlotAsync(job, 4, Cancel), quota.ReleaseSlotAsync(job, 4, Cancel));
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
    public async Task In_flight_count_never_passes_the_cap_and_no_slot_is_lost()
    {
        var (inside, most) = (0, 0);
        await CountAsync(async (quota, job) =>
        {
            for (var round = 0; round < 2; round++)
            {
                if (!await quota.TryEnterAsync(job, 4, Cancel)) continue;
                InterlockedMax(ref most, Interlocked.Increment(ref inside));
                // A job that was killed after it got its slot acquires it again, and releases it again.
                Assert.True(await quota.TryEnterAsync(job, 4, Cancel));
                Interlocked.Decrement(ref inside);
                for (var n = 0; n < 2; n++) await quota.ReleaseSlotAsync(job, 4, Cancel);
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
