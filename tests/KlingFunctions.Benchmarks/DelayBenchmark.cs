using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.Simulator;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// The time from RunComfy's "completed" to the webhook, with the video stored in between: on Local, and on Durable with Azurite.
/// </summary>
internal static class DelayBenchmark
{
    private const long VideoBytes = 10_000_000;
    private static readonly TimeSpan Goal = TimeSpan.FromMilliseconds(100);

    /// <summary>Prints a table; returns Local's median as a share of the goal.</summary>
    public static async Task<double> RunAsync()
    {
        var behaviour = new Behaviour { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(0.5), Slots = 100, PadsFilesTo = VideoBytes };
        await using var runComfy = await SimulatorHost.StartAsync(behaviour);
        await using var clock = await CompletedClock.StartAsync(runComfy.BaseUrl);

        Console.WriteLine($"{"",-24}   median      99 %");
        var local = await OnLocalAsync(clock, jobs: 120);
        await OnDurableAsync(clock, jobs: 20);
        return local / Goal;
    }

    private static async Task<TimeSpan> OnLocalAsync(CompletedClock clock, int jobs)
    {
        var data = Directory.CreateTempSubdirectory("kling-delay-");
        await using var host = await LocalProcess.StartAsync(data.FullName, clock.Url, ("Pipeline:PollMin", "00:00:00.1"), ("Pipeline:PollMax", "00:00:00.2"));
        var median = await MeasureAsync("Local", host.Http, clock, jobs);
        data.Delete(recursive: true);
        return median;
    }

    private static async Task OnDurableAsync(CompletedClock clock, int jobs)
    {
        await using var azurite = await AzuriteProcess.StartAsync();
        await using var app = await FunctionsApp.StartAsync(
            clock.Url, azurite.NextAccount(), more: [("Pipeline:PollMin", "00:00:01"), ("Pipeline:PollMax", "00:00:02")]);
        await MeasureAsync("Durable, Azurite", app.Http, clock, jobs);
    }

    private static async Task<TimeSpan> MeasureAsync(string where, HttpClient http, CompletedClock clock, int jobs)
    {
        // Warm-up: compilation at first use is not measured.
        await RunAsync(http, clock, jobs / 10);
        var before = clock.Delays.Count;
        await RunAsync(http, clock, jobs);
        var delays = clock.Delays.Skip(before).Order().ToList();
        var (median, late) = (delays[delays.Count / 2], delays[delays.Count * 99 / 100]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{where,-24} {median.TotalMilliseconds,6:F0} ms {late.TotalMilliseconds,6:F0} ms"));
        return median;
    }

    /// <summary>Submits one job after the other, each once all but one of the earlier ones have had their webhooks.</summary>
    private static async Task RunAsync(HttpClient http, CompletedClock clock, int jobs)
    {
        var request = new JsonObject
        {
            ["prompt"] = "A walk",
            ["image_urls"] = new JsonArray(new Uri(clock.Url, "/simulator/images/valley.webp").AbsoluteUri),
            ["webhook_url"] = clock.Webhook.AbsoluteUri,
        };
        var before = clock.Delays.Count;
        for (var sent = 0; sent < jobs; sent++)
        {
            var due = before + sent - 1;
            await Patience.UntilAsync(() => clock.Delays.Count >= due, "the webhook of the job before");
            using var answer = await http.PostAsJsonAsync(new Uri("/api/videos", UriKind.Relative), request);
            answer.EnsureSuccessStatusCode();
        }
        await Patience.UntilAsync(() => clock.Delays.Count >= before + jobs, "the last webhook");
    }
}
