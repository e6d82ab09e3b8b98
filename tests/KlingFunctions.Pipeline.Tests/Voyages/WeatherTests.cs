using System.Collections.Concurrent;
using System.Globalization;

namespace KlingFunctions.Pipeline.Tests.Voyages;

/// <summary>
/// The whole pipeline against the simulated provider in all weathers. A seed draws the provider's ways, its troubles, the settings and what
/// people do. WEATHER_SEEDS in the environment says how many seeds are tried, WEATHER_SEED which is the first.
/// </summary>
public sealed class WeatherTests
{
    private static readonly int Seeds = Setting("WEATHER_SEEDS", 200);
    private static readonly int First = Setting("WEATHER_SEED", 1);

    [Fact]
    public async Task No_weather_loses_a_paid_video_or_pays_twice()
    {
        var faults = new ConcurrentBag<(int Seed, string Fault)>();
        await Parallel.ForEachAsync(Enumerable.Range(First, Seeds), TestContext.Current.CancellationToken, async (seed, cancel) =>
        {
            await using var voyage = await Voyage.BeginAsync(seed, cancel);
            foreach (var fault in await voyage.RunAsync(cancel)) faults.Add((seed, fault));
        });
        if (faults.IsEmpty) return;
        var lines = faults.Order().Select(f => $"{f.Seed}: {f.Fault}").ToList();
        Assert.Fail($"Alone: WEATHER_SEEDS=1 WEATHER_SEED={faults.Min().Seed}. {lines.Count} faults.\n{string.Join('\n', lines.Take(40))}");
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
}
