using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>A host as <c>serve</c> runs it, with a fast provider, and a receiver of webhooks.</summary>
public sealed class RunningHost : IAsyncLifetime
{
    public const string Key = "a-key-of-the-tests";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-cli-");
    private WebApplication _app = null!;

    public SimulatorHost RunComfy { get; private set; } = null!;

    public WebhookReceiver Receiver { get; private set; } = null!;

    public string Url => _app.Urls.First();

    /// <summary>A folder for the test's files.</summary>
    public string Folder => _folder.FullName;

    public async ValueTask InitializeAsync()
    {
        RunComfy = await SimulatorHost.StartAsync(Quick);
        Receiver = await WebhookReceiver.StartAsync();
        var settings = Scene.SettingsFor(RunComfy);
        settings["urls"] = "http://127.0.0.1:0";
        settings["Local:DataDirectory"] = Path.Combine(Folder, "data");
        settings["Local:ApiKey"] = Key;
        settings["Pipeline:PollMin"] = settings["Pipeline:PollMax"] = "00:00:00.02";
        _app = LocalHost.Build(settings, builder => builder.Logging.ClearProviders());
        await _app.StartAsync();
    }

    public static Behaviour Quick => new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Receiver.DisposeAsync();
        await RunComfy.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    public string Image(string name) => new Uri(RunComfy.BaseUrl, $"/simulator/images/{name}").AbsoluteUri;

    /// <summary>Arguments for a valid request, with prompt and images.</summary>
    internal string[] GoodRequest =>
    [
        "--prompt", "@Element1 walks through @Image1",
        "--element", $"{Image("robot-front.png")},{Image("robot-side.jpg")}",
        "--image", Image("valley.webp"),
    ];

    /// <summary>Runs a command on this host.</summary>
    internal Task<Called> CallAsync(params string[] args) => Called.WithAsync([.. args, "--url", Url, "--key", Key]);

    /// <summary>Runs a command on this host, with input on stdin.</summary>
    internal Task<Called> CallAsync(string[] args, string stdin) => Called.WithAsync([.. args, "--url", Url, "--key", Key], stdin);

    /// <summary>Submits a request; returns the job's id.</summary>
    internal async Task<string> SubmitAsync(params string[] more) => (await CallAsync(["submit", .. GoodRequest, .. more])).Out.Trim();
}
