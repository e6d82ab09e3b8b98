using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Submitting;

public sealed class SpendingTests
{
    private static readonly DateOnly Today = new(2026, 1, 1);

    private readonly InMemoryDocuments _documents = new();
    private readonly FakeTimeProvider _time = new();
    private int _writes;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cap_may_be_spent_to_the_last_cent_and_each_day_has_its_own()
    {
        Assert.True(await TakeAsync("a", 0.60m));
        Assert.True(await TakeAsync("b", 0.40m));
        Assert.False(await TakeAsync("c", 0.01m));
        Assert.True(await TakeAsync("c", 1.00m, Today.AddDays(1)));
    }

    [Fact]
    public async Task Same_submission_is_counted_once()
    {
        for (var times = 0; times < 3; times++) Assert.True(await TakeAsync("a", 0.60m));
        Assert.True(await TakeAsync("b", 0.40m));
    }

    [Fact]
    public async Task Returned_money_can_be_spent_again_and_a_repeat_returns_nothing()
    {
        await TakeAsync("a", 0.60m);
        await TakeAsync("b", 0.40m);
        for (var times = 0; times < 2; times++) await Host().GiveBackAsync("a", Today, Cancel);
        Assert.False(await TakeAsync("c", 0.61m));
        Assert.True(await TakeAsync("c", 0.60m));
    }

    [Fact]
    public async Task Nothing_is_written_if_nothing_changes()
    {
        await TakeAsync("a", 0.60m);
        _documents.Before = (call, _) => _writes += call is "write" ? 1 : 0;
        await TakeAsync("a", 0.60m);
        await TakeAsync("b", 0.60m);
        await Host().GiveBackAsync("unknown", Today, Cancel);
        Assert.Equal(0, _writes);
    }

    [Fact]
    public async Task Last_seven_days_are_kept()
    {
        for (var n = 0; n < 12; n++) await TakeAsync("a", 1, Today.AddDays(n));
        Assert.Equal(
            Enumerable.Range(4, 8).Select(n => $"quota/spent/2026-01-{n + 1:D2}"), await _documents.ListAsync("quota/spent/", Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Money_that_another_host_takes_at_the_same_time_counts()
    {
        _documents.Before = (call, _) =>
        {
            if (call is not "write" || _writes++ > 0) return;
            Assert.True(TakeAsync("other", 0.60m).IsCompletedSuccessfully);
        };
        Assert.False(await AdvanceAsync(TakeAsync("a", 0.60m)));
    }

    [Fact]
    public async Task Endless_conflict_is_an_error_and_not_a_free_pass()
    {
        await TakeAsync("a", 0.10m);
        var isOther = false;
        _documents.Before = (call, _) =>
        {
            if (call is not "write" || isOther) return;
            isOther = true;
            Assert.True(TakeAsync($"other-{_writes++}", 0.01m).IsCompletedSuccessfully);
            isOther = false;
        };
        await Assert.ThrowsAsync<IOException>(() => AdvanceAsync(TakeAsync("b", 0.10m)));
        Assert.Equal(30, _writes);
    }

    private Spending Host() => new(_documents, _time);

    private Task<bool> TakeAsync(string key, decimal price, DateOnly? day = null) => Host().TryTakeAsync(key, price, day ?? Today, cap: 1, Cancel);

    private async Task<bool> AdvanceAsync(Task<bool> taking)
    {
        for (var n = 0; n < 1_000 && !taking.IsCompleted; n++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.True(taking.IsCompleted);
        return await taking;
    }
}
