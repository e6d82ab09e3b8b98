namespace KlingFunctions.Benchmarks.Engine;

/// <summary>The workload without an engine: nothing survives a crash.</summary>
internal static class BareLoop
{
    /// <summary>The argument that runs it in a separate process.</summary>
    public const string Argument = "engine-bare-loop";

    public static Task RunAsync() => Workload.RunAsync(async number =>
    {
        for (var step = 1; step <= Workload.Steps; step++)
        {
            if (step == Workload.TimerBefore) await Task.Delay(Workload.Timer);
            await StepAsync(step, number);
        }
    });

    private static async Task<string> StepAsync(int step, int number)
    {
        await Task.Yield();
        return Workload.Output(step, number);
    }
}
