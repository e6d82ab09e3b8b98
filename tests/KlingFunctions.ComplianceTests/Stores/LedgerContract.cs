using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>The contract for ledgers, which prevent a second payment.</summary>
public abstract class LedgerContract
{
    protected static readonly DateTimeOffset Now = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract ISubmissionLedger Ledger { get; }

    /// <summary>The number of random sequences.</summary>
    protected virtual int Stories => 100;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Restarts the host.</summary>
    protected abstract Task RestartAsync();

    [Fact]
    public async Task One_of_many_simultaneous_intents_may_pay()
    {
        var keys = Enumerable.Range(0, 20).ToDictionary(k => $"key-{k}", k => Callers.CountAsync(20, _ => Ledger.TryIntendAsync($"key-{k}", Now, Cancel)));
        foreach (var (_, granted) in keys) Assert.Equal(1, await granted);
    }

    [Fact]
    public async Task Entry_survives_a_restart()
    {
        await Ledger.TryIntendAsync("intended", Now, Cancel);
        await Ledger.TryIntendAsync("paid", Now, Cancel);
        await Ledger.RecordAsync("paid", "id", Now.AddSeconds(1), Cancel);
        await RestartAsync();
        Assert.Equal(new("intended", Now, null, null, MayBeUnderWay: false), await FindAsync("intended"));
        Assert.Equal(new("paid", Now, "id", Now.AddSeconds(1), MayBeUnderWay: false), await FindAsync("paid"));
        Assert.Null(await Ledger.FindAsync("other", Cancel));
    }

    [Fact]
    public async Task Keys_of_one_job_are_separate_submissions()
    {
        string[] keys = ["vid_0123456789abcdef0123456789abcdef", "vid_0123456789abcdef0123456789abcdef~2", "vid_0123456789abcdef0123456789abcdef~3"];
        foreach (var key in keys) Assert.True(await Ledger.TryIntendAsync(key, Now, Cancel));
        await Ledger.RecordAsync(keys[1], "id", Now, Cancel);
        Assert.Equal<IEnumerable<string?>>([null, "id", null], await Task.WhenAll(keys.Select(async key => (await FindAsync(key))!.RequestId)));
    }

    [Fact]
    public async Task Only_the_submissions_of_one_job_are_deleted()
    {
        const string Job = "vid_0123456789abcdef0123456789abcdef";
        const string Other = "vid_0123456789abcdef0123456789abcdf0";
        foreach (var key in new[] { Job, $"{Job}~2", $"{Job}.1", $"{Job}.1~2", Other }) await Ledger.RecordAsync(key, "id", Now, Cancel);
        await Ledger.ForgetAsync(Job, Cancel);
        await Ledger.ForgetAsync(Job, Cancel);
        foreach (var key in new[] { Job, $"{Job}~2", $"{Job}.1", $"{Job}.1~2" }) Assert.Null(await Ledger.FindAsync(key, Cancel));
        Assert.NotNull(await Ledger.FindAsync(Other, Cancel));
    }

    public enum Entry
    {
        Intend,
        Record,
        Withdraw,
    }

    [Fact]
    public void Any_order_of_writes_grants_an_intent_once_and_keeps_a_recorded_id() => Prop
        .ForAll(ArbMap.Default.ArbFor<Entry[]>(), ArbMap.Default.ArbFor<Guid>(), (entries, key) => Follows($"{key}", entries))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(Stories));

    private bool Follows(string key, Entry[] entries)
    {
        // The model: no entry, an intent, or an id with the time at which it was first written.
        var (intended, id, at) = (false, (string?)null, (DateTimeOffset?)null);
        var now = Now;
        var intendedAt = Now;
        foreach (var entry in entries)
        {
            now = now.AddSeconds(1);
            switch (entry)
            {
                case Entry.Intend:
                    Assert.Equal(!intended, Done(Ledger.TryIntendAsync(key, now, default)));
                    if (!intended) intendedAt = now;
                    intended = true;
                    break;
                case Entry.Record:
                    Done(Ledger.RecordAsync(key, "id", now, default));
                    (intended, id, at) = (true, "id", at ?? now);
                    break;
                default:
                    // A withdrawal with another time than the intent's has no effect.
                    Done(Ledger.WithdrawAsync(key, now, default));
                    Assert.Equal(intended, Done(Ledger.FindAsync(key, default)) is not null);
                    Done(Ledger.WithdrawAsync(key, intendedAt, default));
                    intended = id is not null;
                    break;
            }
            var found = Done(Ledger.FindAsync(key, default));
            Assert.Equal((intended, id, at), (found is not null, found?.RequestId, found?.SubmittedAt));
        }
        return true;
    }

    // Ledgers differ in whether an intent may be under way.
    private async Task<Submission?> FindAsync(string key) => await Ledger.FindAsync(key, Cancel) is { } found ? found with { MayBeUnderWay = false } : null;

    private static T Done<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Done(Task task) => task.GetAwaiter().GetResult();
}
