using System.Runtime.InteropServices;

namespace KlingFunctions.Local.Cli;

/// <summary>Ctrl-C and SIGTERM as the cancellation of a command.</summary>
internal static class TerminationSignals
{
    private const int Terminated = 143; // 128 + SIGTERM, as shells count.

    // The time that a command has to clean up after a signal.
    private static readonly TimeSpan CleanupTime = TimeSpan.FromSeconds(10);

    /// <summary>Runs a command. The first signal cancels it, a second one ends the process.</summary>
    /// <returns>The command's exit code, or that of the signal if the command does not end within 10 s.</returns>
    /// <remarks>
    /// System.CommandLine 3.0.0 does the same, except while the command has not yet returned from its first wait: a signal then ends the process at
    /// once, with 130, although the command may already have something to clean up.
    /// </remarks>
    public static async Task<int> CancelAsync(Func<CancellationToken, Task<int>> command, CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var signalled = new TaskCompletionSource<PosixSignal>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var termination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        var run = command(cancellation.Token);
        if (await Task.WhenAny(run, signalled.Task) == signalled.Task)
        {
            await cancellation.CancelAsync();
            await Task.WhenAny(run, Task.Delay(CleanupTime, CancellationToken.None));
            if (!run.IsCompleted) return await signalled.Task is PosixSignal.SIGINT ? ExitCodes.Interrupted : Terminated;
        }
        return await run;

        void OnSignal(PosixSignalContext context) => context.Cancel = signalled.TrySetResult(context.Signal);
    }
}
