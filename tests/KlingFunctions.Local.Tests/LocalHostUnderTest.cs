using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Journal;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

/// <summary>
/// Local in its own folder, with a clock that moves only when the engine is idle. Its port stays the same after a kill, so that links
/// still work.
/// </summary>
internal sealed class LocalHostUnderTest : IHostUnderTest
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-local-");
    private readonly Dictionary<string, string?> _settings;
    private readonly FakeTimeProvider _time;
    private readonly Action<WebApplicationBuilder>? _configure;
    private WebApplication _app = null!;

    private LocalHostUnderTest(IReadOnlyDictionary<string, string?> settings, FakeTimeProvider time, Action<WebApplicationBuilder>? configure)
    {
        _settings = new(settings) { ["urls"] = LoopbackPort.NextAddress().AbsoluteUri, ["Local:DataDirectory"] = _folder.FullName };
        _time = time;
        _configure = configure;
    }

    public HttpClient Http { get; private set; } = null!;

    public TimeProvider Time => _time;

    public IServiceProvider Services => _app.Services;

    public string Data => _folder.FullName;

    public string Inbox => Path.Combine(_folder.FullName, "inbox");

    private WorkflowEngine Engine => _app.Services.GetRequiredService<WorkflowEngine>();

    public static async Task<LocalHostUnderTest> StartAsync(
        IReadOnlyDictionary<string, string?> settings, FakeTimeProvider time, Action<WebApplicationBuilder>? configure = null)
    {
        var host = new LocalHostUnderTest(settings, time, configure);
        await host.OpenAsync();
        return host;
    }

    public async Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted)
    {
        while (true)
        {
            await RunToRestAsync();
            using var answer = await Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative));
            var resource = await Scene.JsonOf(answer);
            if (wanted(resource)) return resource;
            _time.SetUtcNow(Engine.NextDue ?? throw new TimeoutException($"Nothing is due any more, and the job stands so: {resource.GetRawText()}"));
        }
    }

    public async Task RunToRestAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        // Checked twice: an ended run may make another one due in the middle of one check.
        for (var looks = 1; !(Engine.IsIdle && Engine.IsIdle); looks++)
        {
            await Task.Delay(1, limit.Token);
            // A step may itself wait on the clock, for example before it continues a download.
            if (looks % 250 == 0) _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    public async Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null)
    {
        foreach (var (key, value) in changes ?? new Dictionary<string, string?>()) _settings[key] = value;
        await CloseAsync();
        await OpenAsync();
    }

    /// <summary>Kills and restarts the host, with an action in between.</summary>
    public async Task KillAsync(Action whileOff)
    {
        await CloseAsync();
        whileOff();
        await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder.Delete(recursive: true);
    }

    private async Task OpenAsync()
    {
        _app = LocalHost.Build(_settings, builder =>
        {
            builder.Services.AddSingleton<TimeProvider>(_time);
            builder.Logging.ClearProviders();
            _configure?.Invoke(builder);
        });
        await _app.StartAsync();
        Http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
        if (_settings.GetValueOrDefault("Local:ApiKey") is { } key) Http.DefaultRequestHeaders.Add("x-functions-key", key);
    }

    private async Task CloseAsync()
    {
        Http.Dispose();
        // Cancelled already: running work is interrupted at once.
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
