using System.Diagnostics;
using System.Globalization;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>
/// The workload of each contender: workflows of six steps, with a timer before the fourth. <c>dbos.mjs</c> runs the same one, and gets these
/// numbers as arguments.
/// </summary>
internal static class Workload
{
    public const int WarmUp = 500;
    public const int Workflows = 1_500;
    public const int AtOnce = 32;
    public const int Steps = 6;
    public const int TimerBefore = 4;

    public static readonly TimeSpan Timer = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>The output of a step: a small JSON string.</summary>
    public static string Output(int step, int number) => $$"""{"step":{{step}},"number":{{number}}}""";

    /// <summary>
    /// Runs the workload in a process that <see cref="Contender"/> started: reports when it is warm, begins at the next line of the input,
    /// reports the seconds, and returns when the input is closed.
    /// </summary>
    /// <param name="runWorkflow">Runs one workflow to its end.</param>
    public static async Task RunAsync(Func<int, Task> runWorkflow)
    {
        await RunAsync(WarmUp);
        Console.WriteLine(Contender.Ready);
        await Console.In.ReadLineAsync();
        var clock = Stopwatch.StartNew();
        await RunAsync(Workflows);
        Console.WriteLine(clock.Elapsed.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        await Console.In.ReadToEndAsync();

        Task RunAsync(int count) => Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
            await runWorkflow(number).WaitAsync(Limit, CancellationToken.None));
    }
}
