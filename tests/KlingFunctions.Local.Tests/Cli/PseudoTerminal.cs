using System.Diagnostics;
using System.Text;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>
/// The command line in a separate process, on a pseudo-terminal of util-linux's <c>script</c>: it draws, and Ctrl-C is a key.
/// </summary>
internal sealed class PseudoTerminal : IDisposable
{
    private const char CtrlC = '\u0003';

    private readonly Process _script;
    private readonly StringBuilder _screen = new();
    private readonly Task _reading;
    private TaskCompletionSource _drawn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PseudoTerminal(params string[] args)
    {
        // A shell's background jobs, such as tests, inherit an ignored SIGINT, and would pass it on to the program.
        // 'exec', since a shell that stays (dash does) gets the Ctrl-C too, and exits with 130 whatever the program does.
        var command = string.Join(' ', ["exec", "env", "--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), .. args]);
        _script = Process.Start(new ProcessStartInfo("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["TERM"] = "xterm-256color" },
        })!;
        _reading = ReadAsync();
    }

    /// <summary>Whether this machine can create a pseudo-terminal.</summary>
    public static bool IsHere => OperatingSystem.IsLinux() && File.Exists("/usr/bin/script");

    public string Screen
    {
        get
        {
            lock (_screen) return _screen.ToString();
        }
    }

    /// <summary>Completes when the text is on the screen.</summary>
    public async Task ShowsAsync(string text)
    {
        while (true)
        {
            var next = _drawn.Task;
            if (Screen.Contains(text, StringComparison.Ordinal)) return;
            if (_reading.IsCompleted) Assert.Fail($"'{text}' was never shown, but: {Screen}");
            await Task.WhenAny(next, _reading).WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Presses Ctrl-C and returns the exit code.</summary>
    public async Task<int> InterruptAsync()
    {
        await _script.StandardInput.WriteAsync(CtrlC);
        await _script.StandardInput.FlushAsync();
        await _script.WaitForExitAsync(TestContext.Current.CancellationToken);
        await _reading;
        return _script.ExitCode;
    }

    public void Dispose()
    {
        if (!_script.HasExited) _script.Kill(entireProcessTree: true);
        _script.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new char[4096];
        for (int count; (count = await _script.StandardOutput.ReadAsync(buffer)) > 0;)
        {
            lock (_screen) _screen.Append(buffer, 0, count);
            var drawn = _drawn;
            _drawn = new(TaskCreationOptions.RunContinuationsAsynchronously);
            drawn.TrySetResult();
        }
    }
}
