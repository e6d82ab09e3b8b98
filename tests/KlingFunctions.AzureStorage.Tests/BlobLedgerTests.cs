using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
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
    public async Task Intent_is_in_doubt_once_its_call_can_no_longer_be_running()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        Assert.True((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
        _time.Advance(TimeSpan.FromSeconds(119));
        Assert.True((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
    }

    [Fact]
    public async Task Entry_with_a_request_id_is_not_in_doubt()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        await Ledger.RecordAsync(Key, "id", Now, Cancel);
        Assert.False((await Ledger.FindAsync(Key, Cancel))!.MayBeUnderWay);
    }

    [Fact]
    public async Task Intent_is_granted_though_the_answer_to_its_write_was_lost()
    {
        _network.LoseAnswer(Puts);
        Assert.True(await Over(_network).TryIntendAsync(Key, Now, Cancel));
        Assert.False(await Ledger.TryIntendAsync(Key, Now, Cancel));
    }

    [Fact]
    public async Task Anothers_intent_is_not_granted_though_an_answer_was_lost()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(Puts);
        Assert.False(await Over(_network).TryIntendAsync(Key, Now, Cancel));
    }

    [Fact]
    public async Task Id_is_recorded_once_though_the_answer_to_its_write_was_lost()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(Puts);
        await Over(_network).RecordAsync(Key, "id", Now.AddSeconds(1), Cancel);
        Assert.Equal(("id", Now.AddSeconds(1)), await IdAsync());
    }

    [Fact]
    public async Task Id_is_recorded_despite_a_concurrent_write()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Ledger.RecordAsync(Key, "id", Now, Cancel)));
        Assert.Equal(("id", Now), await IdAsync());
    }

    [Fact]
    public async Task Withdrawal_with_a_lost_answer_does_not_delete_the_next_intent()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.LoseAnswer(r => r.Method == RequestMethod.Delete, meanwhile: () => Ledger.TryIntendAsync(Key, Now.AddSeconds(1), Cancel));
        await Over(_network).WithdrawAsync(Key, Now, Cancel);
        Assert.Equal(Now.AddSeconds(1), (await Ledger.FindAsync(Key, Cancel))?.IntendedAt);
    }

    [Fact]
    public async Task Withdrawal_does_not_delete_a_recorded_id()
    {
        await Ledger.TryIntendAsync(Key, Now, Cancel);
        _network.Before = async message =>
        {
            if (message.Request.Method == RequestMethod.Delete) await Ledger.RecordAsync(Key, "id", Now, Cancel);
        };
        await Over(_network).WithdrawAsync(Key, Now, Cancel);
        Assert.Equal(("id", Now), await IdAsync());
    }

    [Fact]
    public async Task Host_stopped_during_the_write_of_an_intent_leaves_no_false_doubt()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        _network.LoseAnswer(Puts, meanwhile: stop.CancelAsync);
        Assert.True(await Over(_network).TryIntendAsync(Key, Now, stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Ledger.TryIntendAsync("vid_2", Now, stop.Token));
        Assert.Null(await Ledger.FindAsync("vid_2", Cancel));
    }

    [Fact]
    public async Task Intent_written_in_more_than_30_seconds_does_not_allow_a_submission()
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
