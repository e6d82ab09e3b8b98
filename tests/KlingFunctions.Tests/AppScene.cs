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

    public static async Task<AppScene> StartAsync(
        SharedAzurite azurite, Behaviour behaviour, IReadOnlyCollection<(string Key, string? Value)>? settings = null, TimeSpan? timersAtMost = null)
    {
        var runComfy = await SimulatorHost.StartAsync(behaviour, TimeProvider.System);
        var account = azurite.NextAccount();
        var all = AppSettings.Of(Scene.SettingsFor(runComfy), account, timersAtMost);
        foreach (var (key, value) in settings ?? []) all[key] = value;
        var app = await AppProcess.StartAsync(all);
        return new(app, new(new AppUnderTest(app), runComfy, await WebhookReceiver.StartAsync()), account);
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();
}
