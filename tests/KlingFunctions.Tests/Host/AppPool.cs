using System.Collections.Concurrent;
using System.Text.Json;
using Azure.Storage.Blobs;
using KlingFunctions.Contracts.Hosts;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Apps with the shared suites' own settings, which tests use one after the other: host and worker take longer to start than most tests take.
/// Between two tests an app is emptied: its instances are purged, its blobs deleted. One that has jobs still running is killed instead.
/// </summary>
internal sealed class AppPool(SharedAzurite azurite) : IAsyncDisposable
{
    private readonly ConcurrentBag<PooledApp> _free = [];

    /// <summary>An app that nobody else uses, and the address where it expects RunComfy. Dispose it to give it back.</summary>
    public PooledApp Rent() => _free.TryTake(out var app) ? app : new(this, AppProcess.NextAddress(), azurite.NextAccount());

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _free) await app.EndAsync();
    }

    internal void GiveBack(PooledApp app) => _free.Add(app);
}

/// <summary>An app of the pool. It is started by the first test that asks for it.</summary>
internal sealed class PooledApp(AppPool pool, Uri runComfy, string account)
{
    private AppProcess? _app;

    /// <summary>Where the test's simulator has to listen.</summary>
    public Uri RunComfy => runComfy;

    /// <summary>Its processes, once it is started.</summary>
    public AppProcess Process => _app!;

    /// <summary>Where its blobs, queues and tables are, as a connection string.</summary>
    public string Account => account;

    public async Task<IHostUnderTest> StartAsync(IReadOnlyDictionary<string, string?> settings)
    {
        _app ??= await AppProcess.StartAsync(AppSettings.Of(settings, account, timersAtMost: TimeSpan.FromSeconds(2)));
        return new Rented(this, new AppUnderTest(_app));
    }

    public ValueTask EndAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask GiveBackAsync()
    {
        if (!await _app!.TryPurgeAsync())
        {
            await EndAsync();
            return;
        }
        var blobs = new BlobServiceClient(account);
        // The key of signed links stays: the app has it in its memory.
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
