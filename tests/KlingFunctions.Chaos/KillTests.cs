using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace KlingFunctions.Chaos;

/// <summary>
/// Real processes, really killed. Here time is real, for a dead process has no clock to fake. The environment makes a long run of it:
/// see docs/operations.md.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly int Kills = Setting("CHAOS_KILLS", 40);
    private static readonly int Hosts = Setting("CHAOS_HOSTS", 2);
    private static readonly int Seed = Setting("CHAOS_SEED", 20261122);
    private static readonly TimeSpan KillsFor = TimeSpan.FromSeconds(Setting("CHAOS_SECONDS", 30));

    [Fact]
    public async Task Killed_at_every_point_over_and_over_nothing_is_lost_paid_twice_or_left_running()
    {
        var cancel = TestContext.Current.CancellationToken;
        var figures = new Figures();
        var begun = Stopwatch.GetTimestamp();
        var points = KillPoint.Draw(new Random(Seed), Kills).ToList();
        IReadOnlyList<string>[] faults = [];
        try
        {
            faults = await Task.WhenAll(Enumerable.Range(0, Hosts).Select(host => Task.Run(
                async () =>
                {
                    await using var ordeal = await Ordeal.BeginAsync(unchecked(Seed * 31 + host), figures, cancel);
                    foreach (var point in points.Where((_, i) => i % Hosts == host))
                    {
                        if (Stopwatch.GetElapsedTime(begun) > KillsFor) break;
                        await ordeal.LiveAndDieAsync(point, cancel);
                    }
                    var found = await ordeal.SettleAsync(TimeSpan.FromSeconds(60), cancel);
                    figures.Count("jobs", ordeal.People.Orders.Count);
                    figures.Count("jobs: succeeded", ordeal.People.Orders.Count(o => o.Status is "succeeded"));
                    figures.Count("jobs: cancelled", ordeal.People.Orders.Count(o => o.Status is "cancelled"));
                    figures.Count("jobs: once in doubt", ordeal.People.Orders.Count(o => o.WasInDoubt));
                    figures.Count("submissions accepted", ordeal.RunComfy.Account.AcceptedCount);
                    figures.Count("webhooks received", ordeal.Receiver.Received.Count);
                    figures.Count("webhooks received: different ids", ordeal.Receiver.Received.Select(w => w.Id).Distinct().Count());
                    return found;
                },
                cancel)));
        }
        finally
        {
            var report = string.Create(
                CultureInfo.InvariantCulture,
                $"""
                seed {Seed}, {Hosts} hosts side by side, {Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}
                {DateTime.UtcNow:yyyy-MM-dd}, {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s
                {figures}
                """);
            output.WriteLine(report);
            if (Environment.GetEnvironmentVariable("CHAOS_REPORT") is { } path) await File.WriteAllTextAsync(path, report, CancellationToken.None);
        }
        Assert.Empty(faults.SelectMany(f => f));
        Assert.True(figures["kills"] > 0);
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
}
