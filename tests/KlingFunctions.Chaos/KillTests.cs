using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace KlingFunctions.Chaos;

/// <summary>
/// Kills real processes. Time is real too, since the clock of another process can't be faked. Environment variables make it a long run:
/// see docs/reliability.md.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private static readonly int Kills = Setting("CHAOS_KILLS", 40);
    private static readonly int Hosts = Setting("CHAOS_HOSTS", 2);
    private static readonly int Seed = Setting("CHAOS_SEED", 20261122);
    private static readonly TimeSpan KillsFor = TimeSpan.FromSeconds(Setting("CHAOS_SECONDS", 30));
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Kills_at_every_point_lose_nothing_and_pay_nothing_twice()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var figures = new Figures();
        var begun = Stopwatch.GetTimestamp();
        var points = KillPoint.Draw(new Random(Seed), Kills).ToList();
        IReadOnlyList<string>[] faults = [];
        try
        {
            faults = await Task.WhenAll(Enumerable.Range(0, Hosts).Select(host => Task.Run(
                () => KillAsync(host, points.Where((_, i) => i % Hosts == host), figures, cancellationToken), cancellationToken)));
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
        Assert.True(figures["kills"] > 0);
        if (faults.SelectMany(f => f).ToList() is { Count: > 0 } wrong) Assert.Fail($"Seed {Seed}.\n{string.Join('\n', wrong)}");
    }

    /// <summary>Runs one host's share of the kills; returns the faults after them.</summary>
    private static async Task<IReadOnlyList<string>> KillAsync(int host, IEnumerable<KillPoint> points, Figures figures, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        await using var run = await ChaosRun.BeginAsync(unchecked((Seed * 31) + host), resubmits: host % 2 == 1, figures, cancellationToken);
        foreach (var point in points.Where(p => p.CanBeReachedIn(run)))
        {
            if (Stopwatch.GetElapsedTime(begun) > KillsFor) break;
            await run.LiveAndDieAsync(point, cancellationToken);
        }
        var faults = await run.SettleAsync(SettlesWithin, cancellationToken);
        var orders = run.People.Orders;
        figures.Count("jobs", orders.Count);
        figures.Count("jobs: succeeded", orders.Count(o => o.Status is "succeeded"));
        figures.Count("jobs: cancelled", orders.Count(o => o.Status is "cancelled"));
        figures.Count("jobs: once in doubt", orders.Count(o => o.WasInDoubt));
        figures.Count("jobs: from the inbox", orders.Count(o => o.IsUpload));
        figures.Count("submissions accepted", run.RunComfy.Account.AcceptedCount);
        figures.Count(
            $"submissions accepted beyond the first of a job, in doubt and {(run.Resubmits ? "resubmitted by the setting" : "resubmitted by a person")}",
            orders.Sum(o => Math.Max(0, run.RunComfy.Account.Accepted.Count(s => People.IsOf(s, o)) - 1)));
        figures.Count("webhooks received", run.Receiver.Received.Count);
        figures.Count("webhooks received: different ids", run.Receiver.Received.Select(w => w.Id).Distinct().Count());
        return faults.Count == 0 ? [] : [$"Host {host} was killed: {string.Join(", ", run.Points)}. After that:", .. faults];
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
}
