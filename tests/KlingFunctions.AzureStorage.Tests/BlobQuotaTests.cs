using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Contracts.Stores;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobQuotaTests : QuotaContract, IDisposable
{
    private readonly TestAccount _account;
    private readonly BlobQuota[] _hosts;

    public BlobQuotaTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        _hosts = [.. Enumerable.Range(0, 3).Select(_ => new BlobQuota(_account.Client, TimeProvider.System))];
    }

    protected override IReadOnlyList<IQuota> Hosts => _hosts;

    public void Dispose() => Array.ForEach(_hosts, host => host.Dispose());

    [Fact]
    public async Task A_place_is_taken_once_also_if_the_answer_was_lost()
    {
        var network = new Network();
        using var host = new BlobQuota(_account.Over(network), TimeProvider.System);
        foreach (var job in new[] { "job-1", "job-2" })
        {
            network.LoseAnswer(r => r.Method == RequestMethod.Put);
            Assert.True(await host.TryTakeDayAsync(job, Today, 2, Cancel));
        }
        Assert.False(await host.TryTakeDayAsync("job-3", Today, 2, Cancel));
    }

    [Fact]
    public async Task Of_the_days_only_yesterday_and_today_are_kept()
    {
        for (var n = 0; n < 4; n++) await Hosts[0].TryTakeDayAsync("job", Today.AddDays(n), 1, Cancel);
        Assert.Equal(["days/2026-01-03", "days/2026-01-04"], await _account.NamesAsync(Containers.Quota));
    }
}
