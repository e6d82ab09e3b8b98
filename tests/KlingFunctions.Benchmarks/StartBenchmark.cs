using System.Diagnostics;
using System.Globalization;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// The time from the start of a process to its first answer: Local's <c>serve</c>, and the published Functions app, which is compiled ahead
/// of time, compared with the built one.
/// </summary>
internal static class StartBenchmark
{
    private const int Rounds = 5;

    /// <summary>Prints a table of medians; returns the published app's time as a share of the built one's.</summary>
    public static async Task<double> RunAsync()
    {
        await using var runComfy = await SimulatorHost.StartAsync();
        await using var azurite = await AzuriteProcess.StartAsync();
        var (local, published, built) = (new List<TimeSpan>(), new List<TimeSpan>(), new List<TimeSpan>());
        for (var round = 0; round < Rounds; round++)
        {
            local.Add(await LocalAsync(runComfy.BaseUrl));
            published.Add(await AppAsync(runComfy.BaseUrl, azurite.NextAccount(), AppProcess.PublishedApp));
            built.Add(await AppAsync(runComfy.BaseUrl, azurite.NextAccount(), AppProcess.BuiltApp));
        }
        Print("serve", local);
        Print("Functions app, published", published);
        Print("Functions app, built", built);
        return Median(published) / Median(built);
    }

    private static async Task<TimeSpan> LocalAsync(Uri runComfy)
    {
        var data = Directory.CreateTempSubdirectory("kling-start-");
        var clock = Stopwatch.StartNew();
        await using var host = await LocalProcess.StartAsync(data.FullName, runComfy);
        await host.Http.GetStringAsync(new Uri("/api/health", UriKind.Relative));
        return clock.Elapsed;
    }

    private static async Task<TimeSpan> AppAsync(Uri runComfy, string account, string directory)
    {
        var clock = Stopwatch.StartNew();
        await using var app = await FunctionsApp.StartAsync(runComfy, account, directory);
        await app.Http.GetStringAsync(new Uri("/api/health", UriKind.Relative));
        return clock.Elapsed;
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);

    private static void Print(string what, List<TimeSpan> times) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-28} {Median(times).TotalMilliseconds,6:F0} ms"));
}
