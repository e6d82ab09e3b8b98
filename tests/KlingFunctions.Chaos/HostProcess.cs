using System.Collections.Concurrent;
using System.Diagnostics;

namespace KlingFunctions.Chaos;

/// <summary>Local in a separate process, which can be killed with SIGKILL.</summary>
internal sealed class HostProcess : IDisposable
{
    private const string Listens = "Listens on";
    private const int KilledExitCode = 128 + 9;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _said = [];
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts the host.</summary>
    /// <param name="settings">The host's settings.</param>
    /// <param name="killAt">The moment at which it kills itself (see <see cref="StartupHook"/>); null: it does not.</param>
    public HostProcess(IReadOnlyDictionary<string, string?> settings, string? killAt)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"));
        start.ArgumentList.Add("serve");
        start.Environment["urls"] = "http://127.0.0.1:0";
        foreach (var (key, value) in settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        if (killAt is not null)
        {
            start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location;
            start.Environment[StartupHook.Variable] = killAt;
        }
        _process = Process.Start(start) ?? throw new InvalidOperationException("The host did not start.");
        _process.OutputDataReceived += (_, line) => Heard(line.Data);
        _process.ErrorDataReceived += (_, line) => Heard(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Died = DiedAsync();
    }

    /// <summary>Completes when the process has ended, and fails if it did not end with SIGKILL.</summary>
    public Task Died { get; }

    /// <summary>The host's output, newest last.</summary>
    public IReadOnlyCollection<string> Said => _said;

    /// <summary>The host's address, once it listens. Fails if it dies before.</summary>
    public async Task<Uri> ListeningAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAny(_listening.Task, Died).WaitAsync(cancellationToken);
        return _listening.Task.IsCompleted ? await _listening.Task : throw new HttpRequestException("The host died before it listened.");
    }

    /// <summary>Kills the process with SIGKILL; does nothing if it has ended.</summary>
    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
    }

    public void Dispose()
    {
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task DiedAsync()
    {
        await _process.WaitForExitAsync();
        if (_process.ExitCode != KilledExitCode)
            throw new InvalidOperationException($"The host ended by itself with {_process.ExitCode}. It said:\n{string.Join('\n', _said.TakeLast(40))}");
    }

    private void Heard(string? line)
    {
        // The output must be read: the process would block on a full pipe.
        if (line is null) return;
        _said.Enqueue(line);
        if (line.StartsWith(Listens, StringComparison.Ordinal)) _listening.TrySetResult(new(line[Listens.Length..].Trim()));
    }
}
