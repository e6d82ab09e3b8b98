using System.Collections.Concurrent;
using KlingFunctions.Contracts.Azurite;
using KlingFunctions.Tests;
using KlingFunctions.Tests.Host;

[assembly: AssemblyFixture(typeof(SharedAzurite))]

namespace KlingFunctions.Tests;

/// <summary>One Azurite for all tests, and the apps on it that tests use one after the other.</summary>
public sealed class SharedAzurite : IAsyncLifetime
{
    private AzuriteProcess _process = null!;

    internal AppPool Apps { get; private set; } = null!;

    /// <summary>Hosts of the engine's contract that no test uses.</summary>
    internal ConcurrentBag<DurableWorkflowHost> Engines { get; } = [];

    public async ValueTask InitializeAsync()
    {
        _process = await AzuriteProcess.StartAsync();
        Apps = new(this);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in Engines) await engine.EndAsync();
        await Apps.DisposeAsync();
        await _process.DisposeAsync();
    }

    /// <summary>The connection string of an account that nobody else has had.</summary>
    public string NextAccount() => _process.NextAccount();
}
