using System.Net;
using KlingFunctions.AzureStorage;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Durable;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Triggers;
using Microsoft.DurableTask;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Tests;

/// <summary>What the hourly timer does to jobs that ended long ago.</summary>
public sealed class ForgettingTests(SharedAzurite azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_timer_forgets_what_ended_long_enough_ago_and_nothing_that_runs()
    {
        await using var stage = await Stage.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(200) }, [("Pipeline:KeepFor", "00:00:01")]);
        var (host, scene, runComfy, receiver) = (stage.App, stage.Scene, stage.Scene.RunComfy, stage.Scene.Receiver);
        var ended = await scene.SubmitAsync(scene.Request(receiver.Url));
        await scene.Host.RunUntilAsync(ended, job => job.GetProperty("notifications") is var n && n.GetArrayLength() > 0 && n[0].GetProperty("state").GetString() == "delivered");
        runComfy.Behaviour = runComfy.Behaviour with { Slots = 0 };
        var running = await scene.SubmitAsync();
        await scene.UntilAsync(running, "in_queue");

        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancel);
        await host.FireTimerAsync(nameof(ForgetOldJobs));

        using var gone = await scene.Http.GetAsync(new Uri($"/api/videos/{ended}", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal("in_queue", Scene.StatusOf(await scene.GetAsync(running)));
        using var list = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel);
        Assert.Equal(running, Assert.Single((await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString());
        Assert.Null(await host.Services.GetRequiredService<ISubmissionLedger>().FindAsync(ended, Cancel));
        Assert.Equal([running], await host.Services.GetRequiredService<BlobJobIndex>().ListAsync(null, Cancel).Select(j => j.JobId).ToListAsync(Cancel));

        // It ran when it was looked at: as if somebody had resumed it in between.
        var jobs = host.Services.GetRequiredService<IJobs>();
        await jobs.ForgetAsync((await jobs.GetAsync(running, Cancel))!, Cancel);
        Assert.Single((await jobs.ListAsync(new(null, 10, null), Cancel)).Jobs);
        Assert.NotNull(await host.Services.GetRequiredService<Pipeline.Storing.IVideoStore>().FindAsync(ended, "video", Cancel));
    }

    [Fact]
    public async Task A_job_that_does_not_parse_hides_no_other_from_the_list_nor_from_what_forgets()
    {
        await using var stage = await Stage.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(200) }, [("Pipeline:KeepFor", "00:00:01")]);
        var (host, scene) = (stage.App, stage.Scene);
        var whole = await scene.SubmitAsync();
        var broken = JobIntake.NewId();
        await host.Services.GetRequiredService<BlobJobIndex>().AddAsync(broken, DateTimeOffset.UtcNow, Cancel);
        await host.Services.GetRequiredService<DurableClientSource>().Client.ScheduleNewOrchestrationInstanceAsync(
            GenerateVideo.Name, "not a job", new StartOrchestrationOptions(broken), Cancel);
        await scene.EndAsync(whole);

        using (var list = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel))
        {
            Assert.Equal(HttpStatusCode.OK, list.StatusCode);
            Assert.Equal(whole, Assert.Single((await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString());
        }
        await Task.Delay(TimeSpan.FromSeconds(1.5), Cancel);
        await host.FireTimerAsync(nameof(ForgetOldJobs));
        // It stays to be looked at; what is as old is gone.
        Assert.Equal([broken], await host.Services.GetRequiredService<BlobJobIndex>().ListAsync(null, Cancel).Select(j => j.JobId).ToListAsync(Cancel));
    }
}
