using System.Diagnostics;
using System.Globalization;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>A process that runs the workload and is warm. It ends when its input is closed.</summary>
internal sealed class Contender : IAsyncDisposable
{
    /// <summary>The line that a process prints once it is warm.</summary>
    public const string Ready = "ready";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Process _process;

    private Contender(Process process) => _process = process;

    /// <summary>CPU time so far.</summary>
    private TimeSpan Cpu => ProcessTree.Cpu(_process.Id);

    /// <summary>Starts the process, and returns when it is warm.</summary>
    public static async Task<Contender> StartAsync(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        var contender = new Contender(Process.Start(start)!);
        try
        {
            if (await contender.ReadLineAsync() != Ready) throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} did not start.");
            return contender;
        }
        catch
        {
            await contender.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs the workload; the CPU times of a workflow, and the workflows a second.</summary>
    /// <param name="serverCpu">The CPU time so far of a server that the process uses.</param>
    public async Task<Result> MeasureAsync(Func<TimeSpan>? serverCpu = null)
    {
        serverCpu ??= () => TimeSpan.Zero;
        var (own, server) = (Cpu, serverCpu());
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
        var seconds = double.Parse(await ReadLineAsync() ?? throw new InvalidOperationException("The workload failed."), CultureInfo.InvariantCulture);
        return new((Cpu - own) / Workload.Workflows, (serverCpu() - server) / Workload.Workflows, Workload.Workflows / seconds);
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private Task<string?> ReadLineAsync() => _process.StandardOutput.ReadLineAsync().WaitAsync(Limit);

    /// <summary>CPU time of a workflow in its process and in the server of that, and the workflows a second.</summary>
    public sealed record Result(TimeSpan Own, TimeSpan Server, double Rate)
    {
        /// <summary>CPU time of a workflow.</summary>
        public TimeSpan Cpu => Own + Server;
    }
}
