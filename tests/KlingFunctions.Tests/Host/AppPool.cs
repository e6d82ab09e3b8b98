using System.Text.Json;
using Azure.Storage.Blobs;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Apps with the shared suites' own settings, used by one test after another, since host and worker take longer to start than most tests.
/// Between two tests an app is emptied: its instances are ended and purged, its blobs deleted.
/// </summary>
internal sealed class AppPool(SharedAzurite azurite) : IAsyncDisposable
{
    private readonly Pool<PooledApp> _apps = new(6);

    /// <summary>An app that nobody else uses, and the address where it expects RunComfy. Dispose its host to give it back.</summary>
    public Task<PooledApp> RentAsync() => _apps.RentAsync(() => Task.FromResult(new PooledApp(_apps, LoopbackPort.NextAddress(), azurite.NextAccount())));

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _apps.Free) await app.EndAsync();
        _apps.Dispose();
    }
}

/// <summary>An app of the pool, started by the first test that needs it.</summary>
internal sealed class PooledApp(Pool<PooledApp> pool, Uri runComfy, string account)
{
    private AppProcess? _app;

    /// <summary>The app's processes, once started.</summary>
    public AppProcess Process => _app!;

    /// <summary>The connection string of the app's storage.</summary>
    public string Account => account;

    /// <summary>Starts the simulator where the app expects RunComfy. The previous test's simulator may still be closing.</summary>
    public async Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await SimulatorHost.StartAsync(behaviour, TimeProvider.System, runComfy.AbsoluteUri);
            }
            catch (IOException) when (tries < 200)
            {
                await Task.Delay(50);
            }
        }
    }

    public async Task<IHostUnderTest> StartAsync(IReadOnlyDictionary<string, string?> settings)
    {
        try
        {
            _app ??= await AppProcess.StartAsync(AppSettings.Of(settings, account, timersAtMost: TimeSpan.FromSeconds(2)));
        }
        catch
        {
            pool.GiveBack(null);
            throw;
        }
        return new Rented(this, new AppUnderTest(_app));
    }

    public ValueTask EndAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask GiveBackAsync()
    {
        var isEmpty = false;
        try
        {
            isEmpty = await TryEmptyAsync();
            if (!isEmpty) await EndAsync();
        }
        finally
        {
            pool.GiveBack(isEmpty ? this : null);
        }
    }

    private async Task<bool> TryEmptyAsync()
    {
        if (!await _app!.TryEmptyAsync()) return false;
        var blobs = new BlobServiceClient(account);
        // The key of signed links stays, because the app caches it.
        foreach (var name in AzureStorage.Containers.All.Except([AzureStorage.Containers.Keys]))
        {
            var container = blobs.GetBlobContainerClient(name);
            await foreach (var blob in container.GetBlobsAsync()) await container.DeleteBlobIfExistsAsync(blob.Name);
        }
        return true;
    }

    private sealed class Rented(PooledApp app, AppUnderTest host) : IHostUnderTest
    {
        public HttpClient Http => host.Http;

        public TimeProvider Time => host.Time;

        public Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted) => host.RunUntilAsync(id, wanted);

        public Task RunToRestAsync() => host.RunToRestAsync();

        public Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null) => host.KillAsync(changes);

        public ValueTask DisposeAsync() => app.GiveBackAsync();
    }
}
