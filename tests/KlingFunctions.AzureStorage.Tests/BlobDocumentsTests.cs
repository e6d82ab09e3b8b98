using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobDocumentsTests : DocumentsContract
{
    private readonly TestAccount _account;

    public BlobDocumentsTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        Documents = new BlobDocuments(_account.Client);
    }

    protected override IDocuments Documents { get; }

    [Fact]
    public async Task First_segment_is_the_container_and_the_rest_the_blob()
    {
        await Documents.TryWriteAsync("subscriptions/sub_1.json", "{}", null, Cancel);
        await Documents.TryWriteAsync("quota/days/2026-01-01", "{}", null, Cancel);
        Assert.Equal(["sub_1.json"], await _account.NamesAsync(Containers.Subscriptions));
        Assert.Equal(["days/2026-01-01"], await _account.NamesAsync(Containers.Quota));
    }
}
