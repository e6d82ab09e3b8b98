namespace KlingFunctions.ComplianceTests.Azurite;

/// <summary>The Azurite of a test run, as a fixture of an assembly or a class.</summary>
public class AzuriteFixture : IAsyncLifetime
{
    public AzuriteProcess Azurite { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Azurite = await AzuriteProcess.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await Azurite.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
