using System.Collections.Concurrent;
using System.Text.Json;
using Azure.Storage.Blobs;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Apps with the shared suites' own settings, used by one test after another, since host and worker take longer to start than most tests.
/// Between two tests an app is emptied: its instances are ended and purged, its blobs deleted. Few apps serve all tests, since a start
/// costs more CPU time than the tests themselves.
/// </summary>
internal sealed class AppPool(SharedAzurite azurite) : IAsyncDisposable
{
    private const int Most = 6;

    private readonly ConcurrentBag<PooledApp> _free = [];
    private readonly SemaphoreSlim _places = new(Most);

    /// <summary>An app that nobody else uses, and the address where it expects RunComfy. Dispose its host to give it back.</summary>
    public async Task<PooledApp> RentAsync()
    {
        await _places.WaitAsync();
        return _free.TryTake(out var app) ? app : new(this, LoopbackPort.NextAddress(), azurite.NextAccount());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _free) await app.EndAsync();
        _places.Dispose();
    }

    /// <param name="app">The app; null if it can't be used again.</param>
    internal void GiveBack(PooledApp? app)
    {
        if (app is not null) _free.Add(app);
        _places.Release();
    }
}

/// <summary>An app of the pool, started by the first test that needs it.</summary>
internal sealed class PooledApp(AppPool pool, Uri runComfy, string account)
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
        _app ??= await AppProcess.StartAsync(AppSettings.Of(settings, account, timersAtMost: TimeSpan.FromSeconds(2)));
        return new Rented(this, new AppUnderTest(_app));
    }

    public ValueTask EndAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask GiveBackAsync()
    {
        if (!await _app!.TryEmptyAsync())
        {
            await EndAsync();
            pool.GiveBack(null);
            return;
        }
        var blobs = new BlobServiceClient(account);
        // The key of signed links stays, because the app caches it.
        foreach (var name in AzureStorage.Containers.All.Except([AzureStorage.Containers.Keys]))
        {
            var container = blobs.GetBlobContainerClient(name);
            await foreach (var blob in container.GetBlobsAsync()) await container.DeleteBlobIfExistsAsync(blob.Name);
        }
        pool.GiveBack(this);
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
