using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Contracts.Stores;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobLedgerTests : LedgerContract
{
    private const string Key = "vid_1";

    private readonly FakeTimeProvider _time = new(Now);
    private readonly Network _network = new();
    private readonly TestAccount _account;
    private BlobLedger _ledger;

    public BlobLedgerTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        _ledger = Open();
    }

    protected override ISubmissionLedger Ledger => _ledger;

    protected override int Stories => 12;

    [Fact]
    public async Task An_intent_may_be_under_way_as_long_as_writing_it_and_the_call_may_last_and_then_is_in_doubt()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        Assert.True((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.True((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
    }

    [Fact]
    public async Task What_has_an_id_is_not_under_way()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        await Ledger.RecordAsync(Key, "id", Now, Cancel);
        Assert.False((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
    }

    [Fact]
    public async Task An_intent_is_ours_also_if_the_answer_to_writing_it_was_lost()
    {
        _network.LoseAnswer(Puts);
        Assert.True(await Over(_network).TryIntendAsync(Key, Now, Cancel));
        Assert.False(await Ledger.TryIntendAsync(Key, Now, Cancel));
    }

    [Fact]
    public async Task Anothers_intent_is_not_ours_whatever_answer_was_lost()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(Puts);
        Assert.False(await Over(_network).TryIntendAsync(Key, Now, Cancel));
    }

    [Fact]
    public async Task An_id_is_recorded_once_also_if_the_answer_to_writing_it_was_lost()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(Puts);
        await Over(_network).RecordAsync(Key, "id", Now.AddSeconds(1), Cancel);
        Assert.Equal(("id", Now.AddSeconds(1)), await IdAsync());
    }

    [Fact]
    public async Task An_id_is_recorded_though_another_writes_at_the_same_time()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Ledger.RecordAsync(Key, "id", Now, Cancel)));
        Assert.Equal(("id", Now), await IdAsync());
    }

    [Fact]
    public async Task A_withdrawal_whose_answer_was_lost_does_not_take_the_next_intent_with_it()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(r => r.Method == RequestMethod.Delete, meanwhile: () => Ledger.TryIntendAsync(Key, Now.AddSeconds(1), Cancel));
        await Over(_network).WithdrawAsync(Key, Cancel);
        Assert.Equal(Now.AddSeconds(1), (await Ledger.FindAsync(Key, Cancel))?.IntendedAt);
    }

    [Fact]
    public async Task A_withdrawal_that_meets_an_id_leaves_it()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.Before = async message =>
        {
            if (message.Request.Method == RequestMethod.Delete) await Ledger.RecordAsync(Key, "id", Now, Cancel);
        };
        await Over(_network).WithdrawAsync(Key, Cancel);
        Assert.Equal(("id", Now), await IdAsync());
    }

    [Fact]
    public async Task A_host_that_is_told_to_stop_while_it_writes_an_intent_has_it_or_has_not_and_leaves_no_false_doubt()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        _network.LoseAnswer(Puts, meanwhile: stop.CancelAsync);
        Assert.True(await Over(_network).TryIntendAsync(Key, Now, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Ledger.TryIntendAsync("vid_2", Now, stop.Token));
        Assert.Null(await Ledger.FindAsync("vid_2", Cancel));
    }

    [Fact]
    public async Task Who_needs_longer_than_half_a_minute_to_write_an_intent_may_not_submit()
    {
        _network.Before = message =>
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            return Task.Delay(Timeout.Infinite, message.CancellationToken);
        };
        await Assert.ThrowsAsync<TimeoutException>(() => Over(_network).TryIntendAsync(Key, Now, Cancel));
    }

    protected override Task RestartAsync()
    {
        _ledger = Open();
        return Task.CompletedTask;
    }

    private static bool Puts(Request request) => request.Method == RequestMethod.Put;

    private BlobLedger Open() => new(new BlobDocuments(_account.Client), _time);

    private BlobLedger Over(Network network) => new(new BlobDocuments(_account.Over(network)), _time);

    private async Task<(string?, DateTimeOffset?)> IdAsync() =>
        await Ledger.FindAsync(Key, Cancel) is { } found ? (found.RequestId, found.SubmittedAt) : default;
}
