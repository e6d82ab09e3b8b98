using System.Collections.Concurrent;
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

    /// <summary>Idle hosts for the engine's contract.</summary>
    internal ConcurrentBag<DurableWorkflowHost> Engines { get; } = [];

    /// <summary>The number of hosts for the engine's contract: few, since a start costs more CPU time than most tests.</summary>
    internal SemaphoreSlim EnginePlaces { get; } = new(3);

    public async ValueTask InitializeAsync()
    {
        _process = await AzuriteProcess.StartAsync();
        Apps = new(this);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in Engines) await engine.EndAsync();
        EnginePlaces.Dispose();
        await Apps.DisposeAsync();
        await _process.DisposeAsync();
    }

    /// <summary>The connection string of an unused account.</summary>
    public string NextAccount() => _process.NextAccount();
}
