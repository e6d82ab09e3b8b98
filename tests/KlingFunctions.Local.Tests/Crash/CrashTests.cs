using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Local.Tests.Crash;

/// <summary>A real process, really killed. Here time is real, for a dead process has no clock to fake.</summary>
public sealed class CrashTests : IDisposable
{
    private const int Jobs = 6;
    private const int Kills = 8;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-crash-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(20261122)]
    public async Task Killed_at_random_moments_the_host_loses_no_job_and_pays_none_twice(int seed)
    {
        var cancel = TestContext.Current.CancellationToken;
        var random = new Random(seed);
        await using var runComfy = await SimulatorHost.StartAsync(
            new() { QueueTime = TimeSpan.FromSeconds(0.5), RunTime = TimeSpan.FromSeconds(1), Slots = 3 }, ct: cancel);
        await using var receiver = await WebhookReceiver.StartAsync();
        var settings = Scene.SettingsFor(runComfy);
        settings["Local:DataDirectory"] = _folder.FullName;
        settings["Webhooks:Schedule:0"] = "00:00:00";
        settings["Webhooks:Schedule:1"] = "00:00:01";
        using var host = await HostProcess.StartAsync(settings, cancel);

        var ids = new Dictionary<string, string>();
        for (var i = 0; i < Jobs; i++)
        {
            var prompt = $"Job {i}: @Image1 in the rain";
            using var answer = await host.Http.PostAsJsonAsync("/api/videos", Request(prompt, runComfy, receiver), cancel);
            ids.Add(prompt, (await Scene.JsonOf(answer)).GetProperty("id").GetString()!);
        }
        for (var i = 0; i < Kills; i++)
        {
            await Task.Delay(random.Next(300), cancel);
            await host.KillAndStartAsync(cancel);
        }

        foreach (var (prompt, id) in ids)
        {
            var job = await EndAsync(host, id, cancel);
            if (Scene.StatusOf(job) == "failed")
            {
                // Killed between the POST and its answer: a person looks whether it is there, and the job goes on.
                Assert.Equal("submission_in_doubt", job.GetProperty("error").GetProperty("code").GetString());
                var there = runComfy.Account.Accepted.SingleOrDefault(s => s.Input.GetProperty("prompt").GetString() == prompt);
                var how = there is null ? new JsonObject { ["resubmit"] = true } : new JsonObject { ["request_id"] = there.RequestId };
                using var resumed = await host.Http.PostAsJsonAsync($"/api/videos/{id}/resume", how, cancel);
                Assert.True(resumed.IsSuccessStatusCode);
                job = await EndAsync(host, id, cancel);
            }
            Assert.Equal("succeeded", Scene.StatusOf(job));
            var bytes = await host.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative), cancel);
            Assert.Equal(job.GetProperty("video").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }

        var paid = runComfy.Account.Accepted.Select(s => s.Input.GetProperty("prompt").GetString()!).ToList();
        Assert.Equal(ids.Keys.Order(StringComparer.Ordinal), paid.Order(StringComparer.Ordinal));

        foreach (var id in ids.Values) await ToldAsync(host, id, cancel);
        var told = receiver.Received.Where(r => r.Json.GetProperty("type").GetString() == "video.succeeded")
            .Select(r => (Job: r.Json.GetProperty("data").GetProperty("id").GetString()!, r.Id)).Distinct().ToList();
        Assert.Equal(ids.Values.Order(StringComparer.Ordinal), told.Select(t => t.Job).Order(StringComparer.Ordinal));
    }

    private static JsonObject Request(string prompt, SimulatorHost runComfy, WebhookReceiver receiver) => new()
    {
        ["prompt"] = prompt,
        ["image_urls"] = new JsonArray(new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri),
        ["webhook_url"] = receiver.Url,
    };

    private static Task<JsonElement> EndAsync(HostProcess host, string id, CancellationToken cancel) =>
        PollAsync(host, id, job => Scene.StatusOf(job) is "succeeded" or "failed" or "cancelled", cancel);

    private static Task<JsonElement> ToldAsync(HostProcess host, string id, CancellationToken cancel) =>
        PollAsync(host, id, job => job.GetProperty("notifications").EnumerateArray().All(n => n.GetProperty("state").GetString() == "delivered"), cancel);

    private static async Task<JsonElement> PollAsync(HostProcess host, string id, Func<JsonElement, bool> wanted, CancellationToken cancel)
    {
        while (true)
        {
            using var answer = await host.Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative), cancel);
            var job = await Scene.JsonOf(answer);
            if (wanted(job)) return job;
            await Task.Delay(50, cancel);
        }
    }
}
