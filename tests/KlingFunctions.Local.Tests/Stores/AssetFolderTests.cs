using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Local.Stores;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Tests.Stores;

public sealed class AssetFolderTests : AssetStoreContract, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-assets-");
    private readonly AssetFolder _assets;

    public AssetFolderTests() => _assets = new(Data, TimeProvider.System);

    protected override IAssetStore Store => _assets;

    protected override IAssetLinks Links =>
        new SignedAssetLinks(new ImageFiles(new InboxFolder(Data), _assets), null!, Options.Create(new NetworkOptions()), TimeProvider.System);

    protected override DateTimeOffset Later => DateTimeOffset.UtcNow.AddMinutes(1);

    private IOptions<LocalOptions> Data => Options.Create(new LocalOptions { DataDirectory = _folder.FullName });

    public void Dispose() => _folder.Delete(recursive: true);
}
