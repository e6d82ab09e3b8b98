using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.Tests.Host;

/// <summary>Local's command line in a separate process, for clients that are hosts themselves.</summary>
internal sealed partial class LocalProcess : IHostUnderTest
{
    private const string Key = "a-key-of-the-tests";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-poller-");
    private readonly Process _process;

    private LocalProcess(IReadOnlyDictionary<string, string?> settings)
    {
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), "serve", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName])
        {
            RedirectStandardOutput = true,
            Environment = { ["Local__ApiKey"] = Key },
        };
        foreach (var (name, value) in settings) start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        _process = Process.Start(start)!;
    }

    public HttpClient Http { get; private set; } = null!;

    public TimeProvider Time => TimeProvider.System;

    public static async Task<LocalProcess> StartAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var host = new LocalProcess(settings);
        while (await host._process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (Address.Match(line) is not { Success: true } address) continue;
            host.Http = new() { BaseAddress = new(address.Groups[1].Value), DefaultRequestHeaders = { { "x-functions-key", Key } } };
            _ = host._process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return host;
        }
        await host.DisposeAsync();
        throw new InvalidOperationException("Local ended before it listened.");
    }

    public async Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted)
    {
        while (true)
        {
            using var answer = await Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative), TestContext.Current.CancellationToken);
            var job = await Scene.JsonOf(answer);
            if (wanted(job)) return job;
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public Task RunToRestAsync() => throw new NotSupportedException("Nothing outside can see that it rests.");

    public Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null) => throw new NotSupportedException("It is here to be called.");

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    [GeneratedRegex(@"Listens on\s+(http://\S+)")]
    private static partial Regex Address { get; }
}
