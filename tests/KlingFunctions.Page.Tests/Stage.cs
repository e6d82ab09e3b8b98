using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local;
using KlingFunctions.Simulator;
using KlingFunctions.TestHost;
using KlingFunctions.Tests.Host;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace KlingFunctions.Page.Tests;

/// <summary>A host as <c>serve</c> runs it, a simulated RunComfy, a webhook receiver, and a browser that shows the page.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private readonly List<string> _complaints = [];
    private readonly HttpClient _http = new();
    private Func<Task> _close = null!;
    private IBrowserContext _context = null!;

    private Stage()
    {
    }

    public SimulatorHost RunComfy { get; private set; } = null!;

    public WebhookReceiver Receiver { get; private set; } = null!;

    public IPage Page { get; private set; } = null!;

    public string Url { get; private set; } = null!;

    /// <summary>The key that the Functions host of the tests asks for.</summary>
    public static string FunctionKey => HttpFront.Key;

    public static Behaviour Quick => new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };

    public static async Task<Stage> OpenAsync(
        Chromium chromium, Behaviour? behaviour = null, string? key = null, BrowserNewContextOptions? options = null, params (string Key, string Value)[] more)
    {
        var stage = await StartAsync(behaviour);
        var folder = Directory.CreateTempSubdirectory("kling-page-");
        var settings = Scene.SettingsFor(stage.RunComfy);
        settings["urls"] = "http://127.0.0.1:0";
        settings["Local:DataDirectory"] = folder.FullName;
        settings["Local:ApiKey"] = key;
        settings["Pipeline:PollMin"] = settings["Pipeline:PollMax"] = "00:00:00.05";
        foreach (var (name, value) in more) settings[name] = value;
        var app = LocalHost.Build(settings, builder => builder.Logging.ClearProviders());
        await app.StartAsync();
        stage._close = async () =>
        {
            // A token that is cancelled already: no patience with what is under way.
            await app.StopAsync(new CancellationToken(canceled: true));
            await app.DisposeAsync();
            folder.Delete(recursive: true);
        };
        await stage.OpenAsync(chromium, app.Urls.First(), key, options);
        return stage;
    }

    /// <summary>The Functions app on Azurite, behind its function key.</summary>
    public static async Task<Stage> OpenOnFunctionsAsync(Chromium chromium, Behaviour? behaviour = null)
    {
        var stage = await StartAsync(behaviour);
        var azurite = await AzuriteProcess.StartAsync(TestContext.Current.CancellationToken);
        var app = await AppProcess.StartAsync(AppSettings.Of(Scene.SettingsFor(stage.RunComfy), azurite.NextAccount()));
        stage._close = async () =>
        {
            await app.DisposeAsync();
            await azurite.DisposeAsync();
        };
        await stage.OpenAsync(chromium, app.Address.AbsoluteUri.TrimEnd('/'), FunctionKey, options: null);
        return stage;
    }

    private static async Task<Stage> StartAsync(Behaviour? behaviour) => new()
    {
        RunComfy = await SimulatorHost.StartAsync(behaviour ?? Quick),
        Receiver = await WebhookReceiver.StartAsync(),
    };

    private async Task OpenAsync(Chromium chromium, string url, string? key, BrowserNewContextOptions? options)
    {
        Url = url;
        if (key is not null) _http.DefaultRequestHeaders.Add("x-functions-key", key);
        _context = await chromium.Browser.NewContextAsync(options ?? new() { ViewportSize = new() { Width = 1280, Height = 860 } });
        Page = await _context.NewPageAsync();
        Page.PageError += (_, error) => _complaints.Add(error);
        Page.Console += (_, message) =>
        {
            if (message.Text.Contains("Content Security Policy", StringComparison.Ordinal)) _complaints.Add(message.Text);
        };
    }

    /// <summary>Opens the page with this fragment (after the <c>#</c>).</summary>
    public Task<IResponse?> GoAsync(string address = "/") => Page.GotoAsync($"{Url}/#{address}");

    public string Image(string name) => new Uri(RunComfy.BaseUrl, $"/simulator/images/{name}").AbsoluteUri;

    /// <summary>Submits a job over HTTP; returns its id.</summary>
    public async Task<string> SubmitAsync(string prompt = "@Element1 walks through @Image1 at dawn and waves, soft light", string? webhook = null)
    {
        var request = new JsonObject
        {
            ["prompt"] = prompt,
            ["elements"] = new JsonArray(new JsonObject
            {
                ["frontal_image_url"] = Image("robot-front.png"),
                ["reference_image_urls"] = new JsonArray(Image("robot-side.jpg")),
            }),
            ["image_urls"] = new JsonArray(Image("valley.webp")),
        };
        if (webhook is not null) request["webhook_url"] = webhook;
        using var answer = await _http.PostAsJsonAsync($"{Url}/api/videos", request);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    /// <summary>Submits a batch over HTTP; returns its id.</summary>
    public async Task<string> SubmitBatchAsync(params string[] prompts)
    {
        using var answer = await _http.PostAsJsonAsync($"{Url}/api/videos/batch", prompts.Select(prompt => new { prompt }));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("batch").GetProperty("id").GetString()!;
    }

    /// <summary>Submits a job, and waits until it has this status.</summary>
    public async Task<string> SubmitUntilAsync(string status, string? prompt = null, string? webhook = null)
    {
        var id = await (prompt is null ? SubmitAsync(webhook: webhook) : SubmitAsync(prompt, webhook));
        while (await StatusAsync(id) != status) await Task.Delay(20, TestContext.Current.CancellationToken);
        return id;
    }

    public async Task<string> StatusAsync(string id) =>
        (await _http.GetFromJsonAsync<JsonElement>($"{Url}/api/videos/{id}")).GetProperty("status").GetString()!;

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        _http.Dispose();
        await _close();
        await Receiver.DisposeAsync();
        await RunComfy.DisposeAsync();
        Assert.Empty(_complaints);
    }
}
