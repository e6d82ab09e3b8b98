using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>A kill: at a named point (<c>Submit:done</c>), or after a time.</summary>
internal sealed record Kill(Victim Victim, string? Point = null, int Times = 1, TimeSpan After = default)
{
    public override string ToString() => Point is null ? $"{Victim} at random" : Point;
}

/// <summary>
/// One app on one task hub, killed repeatedly while jobs run. After each kill all jobs must end, and the results are audited.
/// </summary>
internal sealed class KillRun(AppScene stage) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private int _orders;

    public static async Task<KillRun> StartAsync(SharedAzurite azurite, TimeSpan runTime) => new(await AppScene.RentAsync(
        azurite, new() { QueueTime = TimeSpan.Zero, RunTime = runTime, Slots = 100, BalanceUsd = 1_000_000 }));

    /// <summary>Submits jobs, kills the app while they run, starts it again, and waits until all have ended as they should.</summary>
    /// <returns>The time from the start to the end of the last job.</returns>
    public async Task<TimeSpan> KillAsync(Kill kill, int jobs)
    {
        if (kill.Point is not null) await stage.App.KillAtAsync(kill.Point, kill.Times);
        var death = kill.Point is not null ? stage.App.Died : KillLaterAsync(kill);
        var prompts = Enumerable.Range(0, jobs).Select(_ => $"Order {Interlocked.Increment(ref _orders)}").ToList();
        var orders = prompts.Select(OrderAsync).ToList();
        await death.WaitAsync(Patience);
        await stage.App.KillAsync();
        var begun = TimeProvider.System.GetTimestamp();
        await stage.App.StartAsync();
        foreach (var (prompt, id) in prompts.Zip(await Task.WhenAll(orders))) await AuditAsync(prompt, id);
        return TimeProvider.System.GetElapsedTime(begun);
    }

    public ValueTask DisposeAsync() => stage.DisposeAsync();

    private async Task KillLaterAsync(Kill kill)
    {
        await Task.Delay(kill.After);
        await stage.App.KillAsync(kill.Victim);
    }

    /// <summary>Submits like a client that wants to pay once: with a key, and again if the host died before its answer.</summary>
    private async Task<string> OrderAsync(string prompt)
    {
        var request = new JsonObject
        {
            ["prompt"] = prompt,
            ["image_urls"] = new JsonArray(stage.Scene.Image("valley.webp")),
            ["webhook_url"] = stage.Scene.Receiver.Url,
        };
        for (var begun = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(begun) < Patience; await Task.Delay(200))
        {
            try
            {
                using var answer = await stage.Scene.PostAsync("/api/videos", request.DeepClone(), idempotencyKey: prompt);
                if (answer.StatusCode is HttpStatusCode.Accepted) return (await Scene.JsonOf(answer)).GetProperty("id").GetString()!;
                Assert.True((int)answer.StatusCode >= 500, $"{answer}");
            }
            catch (HttpRequestException)
            {
                // The host is dead at present.
            }
        }
        throw new TimeoutException($"{prompt} was not accepted within {Patience}. {stage.App.LastLines}");
    }

    /// <summary>
    /// Checks that the job succeeded and was paid once, that its video is complete, and that its owner was notified under one id.
    /// </summary>
    private async Task AuditAsync(string prompt, string id)
    {
        var scene = stage.Scene;
        if (Scene.StatusOf(await scene.EndAsync(id)) is "failed") await DecideAsync(prompt, id);
        var job = await scene.Host.RunUntilAsync(id, j => Notifications(j).Any(n => n.GetProperty("state").GetString() == "delivered"));
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Single(Accepted(prompt));

        var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative));
        Assert.Equal(job.GetProperty("video").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        var ledger = new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Ledger);
        Assert.NotEmpty(await ledger.GetBlobsAsync(new() { Prefix = id }).ToListAsync());
        Assert.Single(scene.Receiver.Received
            .Where(r => r.Json.GetProperty("data").GetProperty("id").GetString() == id && r.Json.GetProperty("type").GetString() == "video.succeeded")
            .Select(r => r.Id).Distinct());
    }

    /// <summary>
    /// Resolves a job left in doubt by a kill in the paid POST, with the request id from the provider's site if there is one.
    /// </summary>
    private async Task DecideAsync(string prompt, string id)
    {
        var job = await stage.Scene.GetAsync(id);
        Assert.Equal("submission_in_doubt", job.GetProperty("error").GetProperty("code").GetString());
        var decision = Accepted(prompt) is [var paid] ? new JsonObject { ["request_id"] = paid.RequestId } : new JsonObject { ["resubmit"] = true };
        using (var resumed = await stage.Scene.PostAsync($"/api/videos/{id}/resume", decision)) Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        await stage.Scene.UntilAsync(id, "succeeded");
    }

    private List<Submission> Accepted(string prompt) =>
        [.. stage.Scene.RunComfy.Account.Accepted.Where(s => s.Input.GetProperty("prompt").GetString() == prompt)];

    private static JsonElement.ArrayEnumerator Notifications(JsonElement job) => job.GetProperty("notifications").EnumerateArray();
}
