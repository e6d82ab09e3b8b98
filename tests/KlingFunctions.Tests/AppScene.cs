using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>The app, its storage account, and its counterparts.</summary>
internal sealed class AppScene(AppProcess app, Scene scene, string account) : IAsyncDisposable
{
    public AppProcess App => app;

    public Scene Scene => scene;

    /// <summary>The connection string of the app's storage.</summary>
    public string Account => account;

    /// <summary>An app of the pool: see <see cref="AppPool"/>.</summary>
    public static async Task<AppScene> RentAsync(SharedAzurite azurite, Behaviour behaviour)
    {
        var pooled = await azurite.Apps.RentAsync();
        var runComfy = await pooled.StartRunComfyAsync(behaviour);
        var host = await pooled.StartAsync(Scene.SettingsFor(runComfy));
        return new(pooled.Process, new(host, runComfy, await WebhookReceiver.StartAsync()), pooled.Account);
    }

    /// <summary>Starts an app with settings of its own.</summary>
    public static async Task<AppScene> StartAsync(
        SharedAzurite azurite, Behaviour behaviour, IReadOnlyCollection<(string Key, string? Value)> settings, TimeSpan? timersAtMost = null)
    {
        var runComfy = await SimulatorHost.StartAsync(behaviour, TimeProvider.System);
        var account = azurite.NextAccount();
        var all = AppSettings.Of(Scene.SettingsFor(runComfy), account, timersAtMost);
        foreach (var (key, value) in settings) all[key] = value;
        var app = await AppProcess.StartAsync(all);
        return new(app, new(new AppUnderTest(app), runComfy, await WebhookReceiver.StartAsync()), account);
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();
}
