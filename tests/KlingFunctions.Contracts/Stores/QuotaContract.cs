using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Contracts.Stores;

/// <summary>The spending guards are exact, whoever asks at once and however often.</summary>
public abstract class QuotaContract
{
    protected static readonly DateOnly Today = new(2026, 1, 1);

    /// <summary>Hosts that share a store: one, or several.</summary>
    protected abstract IReadOnlyList<IQuota> Hosts { get; }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

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

    private Task<int> CountAsync(Func<IQuota, string, Task<bool>> call) => Callers.CountAsync(100, i => call(Hosts[i % Hosts.Count], $"job-{i}"));
}
