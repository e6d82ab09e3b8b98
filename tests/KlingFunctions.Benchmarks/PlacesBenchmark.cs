using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Local;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// Jobs that wait for a slot in flight, on Local over loopback, compared with the ideal: as many rounds of a full set that waits for
/// nothing.
/// </summary>
internal static class PlacesBenchmark
{
    private const int Jobs = 600;
    private const int Cap = 50;

    /// <summary>Prints a table; returns the time as a share of the ideal one.</summary>
    public static async Task<double> RunAsync()
    {
        // Warm-up: compilation at first use is not measured.
        await TimeAsync(Cap, cap: 0);
        var round = await TimeAsync(Cap, cap: 0);
        var all = await TimeAsync(Jobs, Cap);
        var ideal = round * Jobs / Cap;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {Cap} jobs without a cap      {round.TotalSeconds,6:F2} s
            ideal for {Jobs} jobs        {ideal.TotalSeconds,6:F2} s
            {Jobs} jobs at a cap of {Cap}   {all.TotalSeconds,6:F2} s
            """));
        return all / ideal;
    }

    /// <summary>The time from the first request to the last stored video.</summary>
    private static async Task<TimeSpan> TimeAsync(int jobs, int cap)
    {
        var data = Directory.CreateTempSubdirectory("kling-places-");
        await using var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(2), Slots = 10_000 });
        var app = LocalHost.Build(
            new Dictionary<string, string?>
            {
                ["urls"] = "http://127.0.0.1:0",
                ["Local:DataDirectory"] = data.FullName,
                ["RunComfy:ApiToken"] = "t0ken-of-the-benchmark",
                ["RunComfy:BaseUrl"] = runComfy.BaseUrl.AbsoluteUri,
                ["Network:AllowLoopback"] = "true",
                ["Pipeline:MaxInFlight"] = cap.ToString(CultureInfo.InvariantCulture),
                ["Pipeline:PollMin"] = "00:00:00.1",
                ["Pipeline:PollMax"] = "00:00:00.2",
            },
            builder => builder.Logging.ClearProviders());
        await using (app)
        {
            await app.StartAsync();
            using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            var request = new JsonObject { ["prompt"] = "A walk", ["image_urls"] = new JsonArray(new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri) };
            var clock = Stopwatch.StartNew();
            await Parallel.ForAsync(0, jobs, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, stop) =>
            {
                using var answer = await http.PostAsJsonAsync(new Uri("/api/videos", UriKind.Relative), request, stop);
                answer.EnsureSuccessStatusCode();
            });
            while (await CountAsync(http, "succeeded") < jobs)
            {
                if (clock.Elapsed > TimeSpan.FromMinutes(2)) throw new TimeoutException("The jobs do not end.");
                await Task.Delay(100);
            }
            clock.Stop();
            await app.StopAsync();
            data.Delete(recursive: true);
            return clock.Elapsed;
        }
    }

    private static async Task<int> CountAsync(HttpClient http, string status)
    {
        var (count, cursor) = (0, "");
        do
        {
            var page = await http.GetFromJsonAsync<JsonElement>(new Uri($"/api/videos?status={status}&limit=100{cursor}", UriKind.Relative));
            count += page.EnumerateObject().First(p => p.Value.ValueKind is JsonValueKind.Array).Value.GetArrayLength();
            cursor = page.TryGetProperty("next_cursor", out var next) && next.GetString() is { } text ? $"&cursor={text}" : "";
        }
        while (cursor.Length > 0);
        return count;
    }
}
