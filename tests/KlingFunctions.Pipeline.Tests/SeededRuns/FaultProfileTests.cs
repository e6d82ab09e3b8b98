using System.Collections.Concurrent;
using System.Globalization;

namespace KlingFunctions.Pipeline.Tests.SeededRuns;

/// <summary>
/// The whole pipeline against the simulated provider with random faults. A seed determines the provider's behaviour, its faults, the
/// settings and the users' actions. Environment variables: FAULT_PROFILES is the number of seeds, FAULT_SEED the first one.
/// </summary>
public sealed class FaultProfileTests
{
    private static readonly int Seeds = Setting("FAULT_PROFILES", 200);
    private static readonly int First = Setting("FAULT_SEED", 1);

    [Fact]
    public async Task No_fault_profile_loses_a_paid_video_or_pays_twice()
    {
        var faults = new ConcurrentBag<(int Seed, string Fault)>();
        await Parallel.ForEachAsync(Enumerable.Range(First, Seeds), TestContext.Current.CancellationToken, async (seed, cancellationToken) =>
        {
            await using var voyage = await SeededRun.BeginAsync(seed, cancellationToken);
            foreach (var fault in await voyage.RunAsync(cancellationToken)) faults.Add((seed, fault));
        });
        if (faults.IsEmpty) return;
        var lines = faults.Order().Select(f => $"{f.Seed}: {f.Fault}").ToList();
        Assert.Fail($"Alone: FAULT_PROFILES=1 FAULT_SEED={faults.Min().Seed}. {lines.Count} faults.\n{string.Join('\n', lines.Take(40))}");
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
}
