using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Stores;

namespace KlingFunctions.Local.Tests.Stores;

/// <summary>The ledger and the spending guards: what stands between a host and a second payment.</summary>
public sealed class SqliteStoresTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);
    private static readonly DateOnly Today = new(2026, 1, 1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-stores-");
    private JournalDatabase _database = null!;
    private SqliteLedger _ledger = null!;
    private SqliteQuota _quota = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = new JournalDatabase(_folder.FullName);
        (_ledger, _quota) = (new(_database), new(_database));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Of_all_who_intend_the_same_submission_at_once_one_may_pay()
    {
        var keys = Enumerable.Range(0, 20).ToDictionary(k => $"key {k}", k => CountAsync(50, _ => _ledger.TryIntendAsync($"key {k}", Now, Cancel)));
        foreach (var (_, granted) in keys) Assert.Equal(1, await granted);
    }

    [Fact]
    public async Task An_entry_survives_a_restart()
    {
        await _ledger.TryIntendAsync("intended", Now, Cancel);
        await _ledger.TryIntendAsync("paid", Now, Cancel);
        await _ledger.RecordAsync("paid", "id", Now.AddSeconds(1), Cancel);
        await _database.DisposeAsync();
        _database = new JournalDatabase(_folder.FullName);
        _ledger = new(_database);
        Assert.Equal(new("intended", Now, null, null, MayBeUnderWay: false), await _ledger.FindAsync("intended", Cancel));
        Assert.Equal(new("paid", Now, "id", Now.AddSeconds(1), MayBeUnderWay: false), await _ledger.FindAsync("paid", Cancel));
        Assert.Null(await _ledger.FindAsync("other", Cancel));
    }

    public enum Entry
    {
        Intend,
        Record,
        Withdraw,
    }

    [Fact]
    public void Whatever_is_written_in_whatever_order_an_intent_is_given_once_and_a_recorded_id_stays() => Prop
        .ForAll(ArbMap.Default.ArbFor<Entry[]>(), ArbMap.Default.ArbFor<Guid>(), (entries, key) => Follows($"{key}", entries))
        .QuickCheckThrowOnFailure();

    private bool Follows(string key, Entry[] entries)
    {
        // The model: nothing, an intent, or an id with the time at which it was written first.
        var (intended, id, at) = (false, (string?)null, (DateTimeOffset?)null);
        var now = Now;
        foreach (var entry in entries)
        {
            now = now.AddSeconds(1);
            switch (entry)
            {
                case Entry.Intend:
                    Assert.Equal(!intended, Done(_ledger.TryIntendAsync(key, now, default)));
                    intended = true;
                    break;
                case Entry.Record:
                    Done(_ledger.RecordAsync(key, "id", now, default));
                    (intended, id, at) = (true, "id", at ?? now);
                    break;
                default:
                    Done(_ledger.WithdrawAsync(key, default));
                    intended = id is not null;
                    break;
            }
            var found = Done(_ledger.FindAsync(key, default));
            Assert.Equal((intended, id, at), (found is not null, found?.RequestId, found?.SubmittedAt));
        }
        return true;
    }

    [Fact]
    public async Task A_days_cap_is_exact_whoever_comes_at_once_and_a_repeat_takes_no_second_place()
    {
        Assert.Equal(7, await CountAsync(100, i => _quota.TryTakeDayAsync($"job {i}", Today, 7, Cancel)));
        // The same again: who had a place has it still, and nobody else gets one.
        Assert.Equal(7, await CountAsync(100, i => _quota.TryTakeDayAsync($"job {i}", Today, 7, Cancel)));
        Assert.Equal(5, await CountAsync(100, i => _quota.TryTakeDayAsync($"job {i}", Today.AddDays(1), 5, Cancel)));
    }

    [Fact]
    public async Task A_call_that_is_late_at_midnight_finds_its_own_day_as_full_as_it_was()
    {
        Assert.True(await _quota.TryTakeDayAsync("last of today", Today, 1, Cancel));
        Assert.True(await _quota.TryTakeDayAsync("first of tomorrow", Today.AddDays(1), 1, Cancel));
        Assert.False(await _quota.TryTakeDayAsync("late", Today, 1, Cancel));
    }

    [Fact]
    public async Task The_places_in_flight_are_exact_and_come_back_once_each()
    {
        Assert.Equal(4, await CountAsync(100, i => _quota.TryEnterAsync($"job {i}", 4, Cancel)));
        await Task.WhenAll(Enumerable.Range(0, 100).SelectMany(i => new[] { _quota.LeaveAsync($"job {i}", Cancel), _quota.LeaveAsync($"job {i}", Cancel) }));
        Assert.Equal(4, await CountAsync(100, i => _quota.TryEnterAsync($"job {i}", 4, Cancel)));
    }

    private static async Task<int> CountAsync(int callers, Func<int, Task<bool>> call) =>
        (await Task.WhenAll(Enumerable.Range(0, callers).Select(i => Task.Run(() => call(i))))).Count(granted => granted);

    private static T Done<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Done(Task task) => task.GetAwaiter().GetResult();
}
