using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.Tests;
using KlingFunctions.Tests.Host;

[assembly: AssemblyFixture(typeof(SharedAzurite))]

namespace KlingFunctions.Tests;

/// <summary>One Azurite for all tests, with the apps that tests use in turn.</summary>
public sealed class SharedAzurite : IAsyncLifetime
{
    private AzuriteProcess _process = null!;

    internal AppPool Apps { get; private set; } = null!;

    /// <summary>Hosts for the engine's contract.</summary>
    internal Pool<DurableWorkflowHost> Engines { get; } = new(3);

    public async ValueTask InitializeAsync()
    {
        _process = await AzuriteProcess.StartAsync();
        Apps = new(this);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in Engines.Free) await engine.EndAsync();
        Engines.Dispose();
        await Apps.DisposeAsync();
        await _process.DisposeAsync();
    }

    /// <summary>The connection string of an unused account.</summary>
    public string NextAccount() => _process.NextAccount();
}
