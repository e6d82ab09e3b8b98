using System.Net;
using System.Net.Http.Json;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Triggers;

namespace KlingFunctions.Tests;

/// <summary>The hourly deletion of old jobs.</summary>
public sealed class ForgettingTests(SharedAzurite azurite)
{
    internal const string Timer = """{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}""";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Timer_deletes_old_ended_jobs_and_no_running_one()
    {
        await using var stage = await AppScene.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(200) }, [("Pipeline:KeepFor", "00:00:01")]);
        var (app, scene, runComfy, receiver) = (stage.App, stage.Scene, stage.Scene.RunComfy, stage.Scene.Receiver);
        var ended = await scene.SubmitAsync(scene.Request(receiver.Url));
        await scene.Host.RunUntilAsync(ended, job => job.GetProperty("notifications") is var n && n.GetArrayLength() > 0 && n[0].GetProperty("state").GetString() == "delivered");
        runComfy.Behaviour = runComfy.Behaviour with { Slots = 0 };
        var running = await scene.SubmitAsync();
        await scene.UntilAsync(running, "in_queue");

        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancel);
        await app.CallAsync(nameof(ForgetOldJobs), Timer);

        using var gone = await scene.Http.GetAsync(new Uri($"/api/videos/{ended}", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal("in_queue", Scene.StatusOf(await scene.GetAsync(running)));
        using var list = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel);
        Assert.Equal(running, Assert.Single((await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString());
        var stores = new BlobServiceClient(stage.Account);
        Assert.Null(await new BlobLedger(new BlobDocuments(stores), TimeProvider.System).FindAsync(ended, Cancel));
        Assert.Equal([running], await new BlobJobIndex(stores).ListAsync(null, Cancel).Select(j => j.JobId).ToListAsync(Cancel));
        Assert.NotEmpty(await stores.GetBlobContainerClient(Containers.Videos).GetBlobsAsync(new() { Prefix = ended }, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Unreadable_job_hides_no_other_from_lists_and_retention()
    {
        await using var stage = await AppScene.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(200) }, [("Pipeline:KeepFor", "00:00:01")]);
        var (app, scene) = (stage.App, stage.Scene);
        var whole = await scene.SubmitAsync();
        var broken = JobIntake.NewId();
        var index = new BlobJobIndex(new BlobServiceClient(stage.Account));
        await index.AddAsync(broken, DateTimeOffset.UtcNow, Cancel);
        using (var input = JsonContent.Create("not a job"))
        using (var started = await app.Http.PostAsync($"/runtime/webhooks/durabletask/orchestrators/{GenerateVideo.Name}/{broken}", input, Cancel))
            started.EnsureSuccessStatusCode();
        await scene.EndAsync(whole);

        using (var list = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel))
        {
            Assert.Equal(HttpStatusCode.OK, list.StatusCode);
            Assert.Equal(whole, Assert.Single((await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString());
        }
        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancel);
        await app.CallAsync(nameof(ForgetOldJobs), Timer);
        // The unreadable job stays for inspection; others of its age are deleted.
        Assert.Equal([broken], await index.ListAsync(null, Cancel).Select(j => j.JobId).ToListAsync(Cancel));
    }
}
