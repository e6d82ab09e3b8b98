using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Triggers;

namespace KlingFunctions.Tests;

/// <summary>Lists and counts come from the index of jobs where it knows the end of a job, and from Durable where it does not.</summary>
public sealed class JobIndexTests(SharedAzurite azurite)
{
    private static readonly Behaviour Quick = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lists_and_counts_follow_ended_resumed_and_purged_jobs_and_a_lost_index()
    {
        await using var stage = await AppScene.RentAsync(azurite, Quick);
        var (scene, runComfy) = (stage.Scene, stage.Scene.RunComfy);
        var request = scene.Request();
        request["metadata"] = JsonNode.Parse("""{"order": 7, "shop": "Süd"}""");
        var succeeded = await scene.SubmitAsync(request);
        await scene.UntilAsync(succeeded, "succeeded");
        runComfy.Behaviour = Quick with { Slots = 0, Tokens = ["another"] };
        var resumed = await scene.SubmitAsync();
        Assert.Equal("provider_auth", await scene.FailureAsync(resumed));
        runComfy.Behaviour = Quick with { Slots = 0 };
        var running = await scene.SubmitAsync();
        await scene.UntilAsync(running, "in_queue");
        await CountedAsync(scene, "", "failed 1, in_queue 1, succeeded 1");

        // Only the index still knows this job.
        using (var purged = await stage.App.Http.DeleteAsync(new Uri($"/runtime/webhooks/durabletask/instances/{succeeded}", UriKind.Relative), Cancel))
            purged.EnsureSuccessStatusCode();
        await CountedAsync(scene, "", "failed 1, in_queue 1, succeeded 1");
        await CountedAsync(scene, "?metadata.order=7&metadata.shop=S%C3%BCd&status=succeeded", "succeeded 1");
        await CountedAsync(scene, "?metadata.order=8", "");
        await ListedAsync(scene, "?status=failed", resumed);
        // A page reads its jobs, and so corrects the index.
        await ListedAsync(scene, "?metadata.order=7");
        await CountedAsync(scene, "", "failed 1, in_queue 1");

        using (var answer = await scene.PostAsync($"/api/videos/{resumed}/resume")) answer.EnsureSuccessStatusCode();
        await scene.UntilAsync(resumed, "in_queue");
        await CountedAsync(scene, "", "in_queue 2");
        await ListedAsync(scene, "?status=failed");
        await ListedAsync(scene, "?status=in_queue", running, resumed);

        var jobs = new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Jobs);
        await foreach (var entry in jobs.GetBlobsAsync(cancellationToken: Cancel)) await jobs.DeleteBlobAsync(entry.Name, cancellationToken: Cancel);
        await ListedAsync(scene, "");
        await stage.App.CallAsync(nameof(RepairJobIndex), ForgettingTests.Timer);
        await ListedAsync(scene, "", running, resumed);

        foreach (var id in new[] { running, resumed })
        {
            using (var answer = await scene.PostAsync($"/api/videos/{id}/cancel")) answer.EnsureSuccessStatusCode();
            await scene.UntilAsync(id, "cancelled");
        }
        await stage.App.CallAsync(nameof(RepairJobIndex), ForgettingTests.Timer);
        var index = await new BlobJobIndex(new BlobServiceClient(stage.Account)).ListAllAsync(Cancel).ToListAsync(Cancel);
        Assert.Equal([(running, 0), (resumed, 1)], index.Where(entry => entry.Ended is not null).Select(entry => (entry.JobId, entry.Run)));
    }

    private static async Task ListedAsync(Scene scene, string query, params string[] ids) =>
        Assert.Equal(ids, (await GetAsync(scene, $"/api/videos{query}")).GetProperty("videos").EnumerateArray().Select(job => job.GetProperty("id").GetString()));

    private static async Task CountedAsync(Scene scene, string query, string counts)
    {
        var there = (await GetAsync(scene, $"/api/videos/counts{query}")).GetProperty("counts").EnumerateObject().Where(count => count.Value.GetInt32() > 0);
        Assert.Equal(counts, string.Join(", ", there.Select(count => $"{count.Name} {count.Value}").Order(StringComparer.Ordinal)));
    }

    private static async Task<JsonElement> GetAsync(Scene scene, string path)
    {
        using var answer = await scene.Http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        return await Scene.JsonOf(answer);
    }
}
