using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace KlingFunctions.Local.Tests.Crash;

/// <summary>Local in a process of its own, which can be killed as the system kills: without a word.</summary>
internal sealed class HostProcess : IDisposable
{
    private readonly IReadOnlyDictionary<string, string?> _settings;
    private readonly string _url;
    private Process _process;

    private HostProcess(IReadOnlyDictionary<string, string?> settings, string url)
    {
        _settings = settings;
        _url = url;
        Http = new HttpClient { BaseAddress = new Uri(url) };
        _process = Begin();
    }

    public HttpClient Http { get; }

    public static async Task<HostProcess> StartAsync(IReadOnlyDictionary<string, string?> settings, CancellationToken cancel)
    {
        var host = new HostProcess(settings, $"http://127.0.0.1:{FreePort()}");
        await host.WaitUntilReadyAsync(cancel);
        return host;
    }

    /// <summary>SIGKILL, then a new process over the same data.</summary>
    public async Task KillAndStartAsync(CancellationToken cancel)
    {
        Kill();
        _process = Begin();
        await WaitUntilReadyAsync(cancel);
    }

    public void Dispose()
    {
        Kill();
        Http.Dispose();
    }

    private void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private Process Begin()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(LocalHost).Assembly.Location);
        start.ArgumentList.Add("serve");
        start.Environment["urls"] = _url;
        foreach (var (key, value) in _settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException("The host did not start.");
        // Somebody has to read what it says, or it stops when the pipe is full.
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (_process.HasExited) throw new InvalidOperationException($"The host ended with {_process.ExitCode}.");
            try
            {
                using var answer = await Http.GetAsync(new Uri("/api/health", UriKind.Relative), cancel);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(20, cancel);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
