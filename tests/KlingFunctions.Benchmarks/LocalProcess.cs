using System.Diagnostics;

namespace KlingFunctions.Benchmarks;

/// <summary>Local in a separate process, so that its CPU time and memory are measured alone.</summary>
internal sealed class LocalProcess : IAsyncDisposable
{
    private const string Listens = "Listens on";

    private readonly Process _process;

    private LocalProcess(Process process, Uri address)
    {
        _process = process;
        Http = new HttpClient { BaseAddress = address };
    }

    public HttpClient Http { get; }

    /// <summary>User and system time so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Resident memory in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public static async Task<LocalProcess> StartAsync(string dataDirectory, Uri runComfy, params (string Key, string Value)[] more)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), "serve"]) { RedirectStandardOutput = true };
        (string Key, string Value)[] settings =
        [
            ("urls", "http://127.0.0.1:0"),
            ("Local:DataDirectory", dataDirectory),
            ("RunComfy:ApiToken", "t0ken-of-the-benchmark"),
            ("RunComfy:BaseUrl", runComfy.AbsoluteUri),
            ("Network:AllowLoopback", "true"),
            .. more,
        ];
        foreach (var (key, value) in settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        var process = Process.Start(start)!;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (!line.StartsWith(Listens, StringComparison.Ordinal)) continue;
            // The output must be read: the process would block on a full pipe.
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            return new LocalProcess(process, new Uri(line[Listens.Length..].Trim()));
        }
        await process.WaitForExitAsync();
        throw new InvalidOperationException($"The host ended with {process.ExitCode} before it listened.");
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
