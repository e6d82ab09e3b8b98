using System.Globalization;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>
/// Host, worker or both are killed with SIGKILL, between steps and within them: every job continues and is paid once. A kill within a step
/// costs the visibility timeout of one minute, so the test command has only a few. The long run has many (docs/reliability.md): set KILLS.
/// </summary>
public sealed class KillTests(SharedAzurite azurite)
{
    private const int JobsAtOnce = 3;

    private static readonly string[] Steps = ["Validate", "Submit", "Poll", "Store", "FindReceivers", "StartChild", "Deliver"];

    [Theory]
    [InlineData("Submit:done")]
    [InlineData("Store:taken")]
    [InlineData("GenerateVideo:done", 4)]
    public async Task Job_killed_at_a_step_or_a_turn_continues_and_is_paid_once(string point, int times = 1)
    {
        await using var run = await KillRun.StartAsync(azurite, TimeSpan.FromSeconds(1));
        await run.KillAsync(new(Victim.Both, point, times), JobsAtOnce);
    }

    [Theory]
    [InlineData(Victim.Both)]
    [InlineData(Victim.Host)]
    [InlineData(Victim.Worker)]
    public async Task Job_killed_while_it_waits_continues_and_is_paid_once(Victim victim)
    {
        await using var run = await KillRun.StartAsync(azurite, TimeSpan.FromSeconds(12));
        await run.KillAsync(new(victim, After: TimeSpan.FromSeconds(8)), JobsAtOnce);
    }

    /// <summary>Set KILLS, and optionally KILL_HOSTS (in parallel), KILL_SEED and KILL_REPORT (a file).</summary>
    [Fact(SkipUnless = nameof(IsLongRun), Skip = "The long run: set KILLS.")]
    public async Task Long_run_of_kills_loses_no_job_and_pays_for_each_once()
    {
        var (left, seed) = (Number("KILLS", 0), Number("KILL_SEED", 1));
        var took = new List<(string Kill, TimeSpan Time)>();
        async Task RunAsync(int host)
        {
            var random = new Random(seed + host);
            await using var run = await KillRun.StartAsync(azurite, TimeSpan.FromSeconds(2));
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var kill = Draw(random);
                var time = await run.KillAsync(kill, JobsAtOnce);
                lock (took)
                {
                    took.Add((kill.ToString(), time));
                    Report(took);
                }
            }
        }
        await Task.WhenAll(Enumerable.Range(0, Number("KILL_HOSTS", 4)).Select(RunAsync));
    }

    public static bool IsLongRun => Number("KILLS", 0) > 0;

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static Kill Draw(Random random) => random.Next(4) switch
    {
        0 => new(random.GetItems(Enum.GetValues<Victim>(), 1)[0], After: TimeSpan.FromSeconds(random.NextDouble() * 8)),
        1 => new(Victim.Both, "GenerateVideo:done", random.Next(1, 12)),
        _ => new(Victim.Both, $"{random.GetItems(Steps, 1)[0]}:{random.GetItems(["taken", "done"], 1)[0]}"),
    };

    private static void Report(List<(string Kill, TimeSpan Time)> took)
    {
        if (Environment.GetEnvironmentVariable("KILL_REPORT") is not { } path) return;
        var rows = took.GroupBy(t => t.Kill, t => t.Time.TotalSeconds).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => string.Create(
            CultureInfo.InvariantCulture, $"| {g.Key} | {g.Count()} | {g.Order().ElementAt(g.Count() / 2):0} s | {g.Max():0} s |"));
        File.WriteAllLines(path, [$"{took.Count} kills, {took.Count * JobsAtOnce} jobs", "| killed | times | median | longest |", "|---|---|---|---|", .. rows]);
    }
}
