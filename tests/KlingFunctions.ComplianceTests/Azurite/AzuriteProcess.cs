using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests.Node;

namespace KlingFunctions.ComplianceTests.Azurite;

/// <summary>
/// Azurite on loopback, on free ports, in memory. Each test gets a separate account, so that simultaneous tests share nothing. One Azurite
/// for each test assembly is enough.
/// </summary>
public sealed partial class AzuriteProcess : IAsyncDisposable
{
    private const int Accounts = 512;

    // Ends when its input closes, and so together with the test process, however that ends.
    private const string Script = "process.stdin.on('close', () => process.exit(0)).resume(); require(process.env.AZURITE_PROGRAM);";

    // The last version that runs on Node 20.
    private static readonly NpmPackage Azurite = new("azurite", "3.35.0", "azurite", "The tests of Blob Storage");

    private readonly Process _process;
    private readonly Addresses _addresses;
    private int _taken;

    private AzuriteProcess(Process process, Addresses addresses) => (_process, _addresses) = (process, addresses);

    /// <summary>Installs Azurite if needed, starts it, and returns when it listens.</summary>
    public static async Task<AzuriteProcess> StartAsync(CancellationToken cancellationToken = default)
    {
        var start = new ProcessStartInfo(
            "node",
            [
                "-e", Script, "--", "azurite", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0", "--tableHost", "127.0.0.1", "--tablePort", "0",
            ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["AZURITE_PROGRAM"] = Path.Combine(await Azurite.EnsureAsync(cancellationToken), "node_modules", "azurite", "dist", "src", "azurite.js");
        start.Environment["AZURITE_ACCOUNTS"] = string.Join(';', Enumerable.Range(0, Accounts).Select(n => $"{NameOf(n)}:{KeyOf(n)}"));

        var process = Azurite.Start(start);
        var listens = new TaskCompletionSource<Addresses>(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new StringBuilder();
        var found = new Dictionary<string, string>();
        void Hear(string? line)
        {
            if (line is null) return;
            lock (said)
            {
                said.AppendLine(line);
                if (ListeningLine().Match(line) is { Success: true } match) found[match.Groups[1].Value] = match.Groups[2].Value;
                if (found.Count == 3) listens.TrySetResult(new(found["Blob"], found["Queue"], found["Table"]));
            }
        }
        process.OutputDataReceived += (_, e) => Hear(e.Data);
        process.ErrorDataReceived += (_, e) => Hear(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Task.WhenAny(listens.Task, process.WaitForExitAsync(cancellationToken));
        if (listens.Task.IsCompletedSuccessfully) return new(process, await listens.Task);
        process.Kill();
        process.Dispose();
        cancellationToken.ThrowIfCancellationRequested();
        throw new InvalidOperationException($"Azurite did not come up: {said}");
    }

    /// <summary>The connection string of an unused account.</summary>
    /// <param name="blobs">The address of its blobs, if not the direct one.</param>
    /// <param name="queues">The address of its queues, if not the direct one.</param>
    /// <param name="tables">The address of its tables, if not the direct one.</param>
    public string NextAccount(string? blobs = null, string? queues = null, string? tables = null)
    {
        var n = Interlocked.Increment(ref _taken) - 1;
        if (n >= Accounts) throw new InvalidOperationException($"All {Accounts} accounts are taken: raise {nameof(AzuriteProcess)}.{nameof(Accounts)}.");
        return $"DefaultEndpointsProtocol=http;AccountName={NameOf(n)};AccountKey={KeyOf(n)};BlobEndpoint={blobs ?? _addresses.Blobs}/{NameOf(n)};"
            + $"QueueEndpoint={queues ?? _addresses.Queues}/{NameOf(n)};TableEndpoint={tables ?? _addresses.Tables}/{NameOf(n)};";
    }

    /// <summary>The address of its Blob service: <c>http://127.0.0.1:</c> and a port.</summary>
    public string Url => _addresses.Blobs;

    /// <summary>The address of its Queue service.</summary>
    public string QueueUrl => _addresses.Queues;

    /// <summary>The address of its Table service.</summary>
    public string TableUrl => _addresses.Tables;

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    [GeneratedRegex("Azurite (Blob|Queue|Table) service (?:is )?successfully listen(?:ing at|s on) (http://[0-9.:]+)")]
    private static partial Regex ListeningLine();

    private static string NameOf(int n) => $"account{n}";

    private static string KeyOf(int n) => Convert.ToBase64String(Encoding.ASCII.GetBytes($"the key of account {n}, no secret"));

    private sealed record Addresses(string Blobs, string Queues, string Tables);
}
