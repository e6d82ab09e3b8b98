using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Simulator;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// CPU time of whole jobs on Local (HTTP call, three images, RunComfy, stored video, webhook), compared with a bare loop of the same calls.
/// </summary>
internal static class JobsBenchmark
{
    /// <summary>The argument that runs the bare loop in a separate process, so that its CPU time is separate.</summary>
    public const string BareLoop = "bare-loop";

    private const int WarmUp = 1_000;
    private const int Jobs = 3_000;
    private const int AtOnce = 32;

    /// <summary>Prints a table; returns the CPU time of a job as a share of the bare loop's.</summary>
    public static async Task<double> RunAsync()
    {
        var data = Directory.CreateTempSubdirectory("kling-jobs-");
        await using var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, Slots = 10_000, BalanceUsd = 1_000_000 });
        await using var receiver = await Receiver.StartAsync();
        await using var host = await LocalProcess.StartAsync(data.FullName, runComfy.BaseUrl, ("Pipeline:PollMin", "00:00:00.1"), ("Pipeline:PollMax", "00:00:00.2"));
        var request = Request(runComfy.BaseUrl);
        request["webhook_url"] = receiver.Url.AbsoluteUri;

        await RunJobsAsync(host, receiver, request, WarmUp);
        var (clock, cpu) = (Stopwatch.StartNew(), host.Cpu);
        await RunJobsAsync(host, receiver, request, Jobs);
        var (whole, rate) = ((host.Cpu - cpu) / Jobs, Jobs / clock.Elapsed.TotalSeconds);
        var bare = await BareProcessAsync(runComfy.BaseUrl, receiver.Url, data.FullName);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                                 CPU a job   jobs a second
            Local               {whole.TotalMilliseconds,6:F2} ms   {rate,6:F0}
            bare loop           {bare.TotalMilliseconds,6:F2} ms
            """));
        return whole / bare;
    }

    /// <summary>
    /// Makes the same calls and files, without anything that survives a crash. Prints the CPU time of a job in milliseconds.
    /// </summary>
    public static async Task RunBareAsync(Uri runComfy, Uri webhook, string directory)
    {
        using var http = new HttpClient { BaseAddress = runComfy, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", "t0ken") } };
        var request = Request(runComfy);
        var images = new[] { (string)request["image_urls"]![0]!, (string)request["elements"]![0]!["frontal_image_url"]!, (string)request["elements"]![0]!["reference_image_urls"]![0]! };
        await RunAsync(WarmUp);
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        await RunAsync(Jobs);
        process.Refresh();
        Console.WriteLine(((process.TotalProcessorTime - before) / Jobs).TotalMilliseconds.ToString(CultureInfo.InvariantCulture));

        Task RunAsync(int jobs) => Parallel.ForAsync(0, jobs, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, stop) =>
        {
            foreach (var image in images) await http.GetByteArrayAsync(new Uri(image), stop);
            using var submitted = await http.PostAsJsonAsync(new Uri("/v1/models/kling/kling-video-o1/image-to-video/reference", UriKind.Relative), request, stop);
            var id = (string)(await submitted.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>(stop))!["request_id"]!;
            while ((string)(await http.GetFromJsonAsync<JsonNode>(new Uri($"/v1/requests/{id}/status", UriKind.Relative), stop))!["status"]! != "completed") await Task.Delay(100, stop);
            var result = await http.GetFromJsonAsync<JsonNode>(new Uri($"/v1/requests/{id}/result", UriKind.Relative), stop);
            await using var video = await http.GetStreamAsync(new Uri((string)result!["output"]!["video"]!), stop);
            await using var file = new FileStream(Path.Combine(directory, $"{number}.mp4"), FileMode.Create);
            await video.CopyToAsync(file, stop);
            file.Flush(flushToDisk: true);
            using var notified = await http.PostAsJsonAsync(webhook, result, stop);
        });
    }

    private static async Task<TimeSpan> BareProcessAsync(Uri runComfy, Uri webhook, string directory)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(JobsBenchmark).Assembly.Location, BareLoop, runComfy.AbsoluteUri, webhook.AbsoluteUri, directory])
        {
            RedirectStandardOutput = true,
        })!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return TimeSpan.FromMilliseconds(double.Parse(said, CultureInfo.InvariantCulture));
    }

    private static async Task RunJobsAsync(LocalProcess host, Receiver receiver, JsonObject request, int jobs)
    {
        var before = receiver.Count;
        await Parallel.ForAsync(0, jobs, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (_, stop) =>
        {
            using var answer = await host.Http.PostAsJsonAsync(new Uri("/api/videos", UriKind.Relative), request, stop);
            answer.EnsureSuccessStatusCode();
        });
        await Patience.UntilAsync(() => receiver.Count >= before + jobs, "the webhook of each job");
    }

    private static JsonObject Request(Uri runComfy)
    {
        string Image(string name) => new Uri(runComfy, $"/simulator/images/{name}").AbsoluteUri;
        return new()
        {
            ["prompt"] = "@Element1 walks through @Image1",
            ["elements"] = new JsonArray(new JsonObject { ["frontal_image_url"] = Image("robot-front.png"), ["reference_image_urls"] = new JsonArray(Image("robot-side.jpg")) }),
            ["image_urls"] = new JsonArray(Image("valley.webp")),
        };
    }
}
