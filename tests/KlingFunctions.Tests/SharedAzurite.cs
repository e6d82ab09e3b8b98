using KlingFunctions.Contracts.Azurite;
using KlingFunctions.Tests;

[assembly: AssemblyFixture(typeof(SharedAzurite))]

namespace KlingFunctions.Tests;

/// <summary>One Azurite for all tests, started with the first one that wants an account.</summary>
public sealed class SharedAzurite : IAsyncLifetime
{
    private AzuriteProcess _process = null!;

    public async ValueTask InitializeAsync() => _process = await AzuriteProcess.StartAsync();

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    /// <summary>The connection string of an account that nobody else has had.</summary>
    public string NextAccount() => _process.NextAccount();
}
