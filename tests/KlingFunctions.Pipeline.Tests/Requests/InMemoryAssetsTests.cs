using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Requests;

public sealed class InMemoryAssetsTests : AssetStoreContract
{
    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryAssets _assets;

    public InMemoryAssetsTests() => _assets = new(_time);

    protected override IAssetStore Store => _assets;

    protected override IAssetLinks Links => _assets;

    protected override DateTimeOffset Later => _time.GetUtcNow().AddMinutes(1);
}
