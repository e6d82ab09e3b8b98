using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;
using Microsoft.Azure.Functions.Worker.Builder;

namespace KlingFunctions.Tests;

/// <summary>The app, its storage, and all that it deals with.</summary>
internal sealed class Stage(FunctionsHost app, Scene scene, string account) : IAsyncDisposable
{
    public FunctionsHost App => app;

    public Scene Scene => scene;

    /// <summary>The connection string of its storage.</summary>
    public string Account => account;

    public static async Task<Stage> StartAsync(
        SharedAzurite azurite, Behaviour behaviour, IReadOnlyCollection<(string Key, string Value)>? settings = null,
        Action<FunctionsApplicationBuilder>? configure = null, TimeSpan? timersAtMost = null)
    {
        var runComfy = await SimulatorHost.StartAsync(behaviour, TimeProvider.System);
        var account = azurite.NextAccount();
        var all = Scene.SettingsFor(runComfy);
        all["Storage:Blobs"] = all["AzureWebJobsStorage"] = account;
        foreach (var (key, value) in settings ?? []) all[key] = value;
        var app = await Tests.App.StartAsync(all, timersAtMost, configure);
        return new(app, new(new FunctionsHostUnderTest(app), runComfy, await WebhookReceiver.StartAsync()), account);
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();
}
