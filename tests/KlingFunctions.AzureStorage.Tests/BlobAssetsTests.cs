using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobAssetsTests : AssetStoreContract
{
    private readonly TestAccount _account;

    public BlobAssetsTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        Store = new BlobAssets(_account.Client);
    }

    protected override IAssetStore Store { get; }

    protected override IAssetLinks Links => new RoutedAssetLinks(Of(Containers.Images), Of(Containers.Uploads));

    protected override DateTimeOffset Later => DateTimeOffset.UtcNow.AddMinutes(1);

    private BlobAssetLinks Of(string container) =>
        new(_account.Client, new BlobLinks(_account.Client, TimeProvider.System), Options.Create(new NetworkOptions()), container);
}
