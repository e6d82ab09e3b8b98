using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobQuotaTests : QuotaContract
{
    private readonly TestAccount _account;

    public BlobQuotaTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        Documents = new BlobDocuments(_account.Client);
    }

    protected override IDocuments Documents { get; }

    [Fact]
    public async Task Slot_is_counted_once_though_the_answer_was_lost()
    {
        var network = new Network();
        using var host = new Quota(new BlobDocuments(_account.Over(network)), TimeProvider.System);
        foreach (var job in new[] { "job-1", "job-2" })
        {
            network.LoseAnswer(r => r.Method == RequestMethod.Put);
            Assert.True(await host.TryTakeDayAsync(job, Today, 2, Cancel));
        }
        Assert.False(await host.TryTakeDayAsync("job-3", Today, 2, Cancel));
    }

    [Fact]
    public async Task Blobs_of_an_earlier_version_are_found_and_continued()
    {
        foreach (var name in new[] { "days/2026-01-01", "in-flight" })
            await _account[Containers.Quota].UploadBlobAsync(name, BinaryData.FromString("""{"jobs":["vid_1","vid_2"]}"""), Cancel);
        Assert.True(await Hosts[0].TryTakeDayAsync("vid_2", Today, 2, Cancel));
        Assert.False(await Hosts[0].TryTakeDayAsync("vid_3", Today, 2, Cancel));
        await Hosts[0].ReleaseSlotAsync("vid_1", 2, Cancel);
        Assert.True(await Hosts[0].TryEnterAsync("vid_3", 2, Cancel));
        Assert.False(await Hosts[0].TryEnterAsync("vid_4", 2, Cancel));
    }
}
