using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

/// <summary>Deletion of old jobs.</summary>
public sealed class ForgettingTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Resumed_job_is_deleted_with_the_notifications_of_all_its_runs()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(1) }, time, cancellationToken: Cancel);
        await using var receiver = await WebhookReceiver.StartAsync();
        var host = await LocalHostUnderTest.StartAsync(
            new Dictionary<string, string?>(Scene.SettingsFor(runComfy)) { ["Pipeline:KeepFor"] = "1.00:00:00" }, time);
        await using var scene = new Scene(host, runComfy, receiver);

        runComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped));
        var id = await SubmitAsync();
        await ToldAsync("failed");
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume", new JsonObject { ["resubmit"] = true })) Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        await ToldAsync("succeeded");

        time.Advance(TimeSpan.FromDays(2));
        await host.Services.GetRequiredService<OldJobs>().ForgetAsync(Cancel);
        using (var gone = await scene.Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative), Cancel)) Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        var before = receiver.Received.Count;
        Assert.Equal(id, await SubmitAsync());
        await ToldAsync("succeeded");
        Assert.Equal("video.succeeded", Assert.Single(receiver.Received.Skip(before)).Json.GetProperty("type").GetString());
        // Earlier files and notifications belong to another paid request.
        Assert.DoesNotContain(receiver.Received[^1].Id, receiver.Received.Take(before).Select(webhook => webhook.Id));
        var stored = Directory.GetFiles(Path.Combine(host.Data, "videos", id), "*.mp4").Select(Path.GetFileName).ToList();
        Assert.Equal(2, stored.Count);
        Assert.Contains("video.mp4", stored);

        async Task<string> SubmitAsync()
        {
            using var answer = await scene.PostAsync("/api/videos", scene.Request(receiver.Url), idempotencyKey: "the key");
            return (await Scene.JsonOf(answer)).GetProperty("id").GetString()!;
        }

        Task ToldAsync(string end) => scene.Host.RunUntilAsync(id, job => Scene.StatusOf(job) == end
            && job.GetProperty("notifications").EnumerateArray().Select(n => n.GetProperty("state").GetString()).SequenceEqual(["delivered"]));
    }
}
