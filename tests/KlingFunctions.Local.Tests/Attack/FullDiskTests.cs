using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Tests.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// A disk that becomes full under a running host: nothing is lost or paid twice, and all jobs continue when there is room.
/// </summary>
public sealed class FullDiskTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Full_disk_refuses_new_jobs_and_running_ones_continue_with_room()
    {
        await using var scene = await StartAsync();
        var host = (LocalHostUnderTest)scene.Host;
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "in_progress");
        var journal = host.Services.GetRequiredService<JournalDatabase>();
        await FullDisk.FillAsync(journal);

        var large = scene.Request();
        large["metadata"] = new JsonObject { ["note"] = new string('x', 4000) };
        using (var refused = await scene.PostAsync("/api/videos", large, "order-7"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            var problem = await Scene.JsonOf(refused);
            Assert.Equal("journal_unavailable", problem.GetProperty("code").GetString());
            Assert.DoesNotContain(host.Data, problem.GetRawText(), StringComparison.Ordinal);
        }
        await PassAsync(TimeSpan.FromMinutes(5));
        Assert.True(Scene.StatusOf(await scene.GetAsync(id)) is "in_progress" or "storing");

        await FullDisk.MakeRoomAsync(journal);
        await PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(id)));
        using (var accepted = await scene.PostAsync("/api/videos", large, "order-7"))
        {
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            await scene.EndAsync((await Scene.JsonOf(accepted)).GetProperty("id").GetString()!);
        }
        Assert.Equal(2, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Outcome_on_a_full_disk_is_kept_in_memory_until_it_can_be_written()
    {
        var runs = 0;
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        JournalHost host = null!;
        host = await JournalHost.StartAsync(new WorkflowCatalog(JsonSerializerOptions.Web)
            .Add(Pay, async (_, _) =>
            {
                // Between the paid call and the record of its outcome.
                await FullDisk.FillAsync(host.Database);
                full.TrySetResult();
                return $"{Interlocked.Increment(ref runs)}{new string('x', 5000)}";
            })
            .Add<string, string>("W", async (context, text) => (await context.CallAsync(Pay, text))[..1]));
        await using var ends = host;
        await host.StartAsync("W", "a", "\"x\"");
        await full.Task.WaitAsync(Cancel);
        for (var i = 0; i < 50; i++)
        {
            host.Time.Advance(WorkflowEngine.RetryDelay);
            await Task.Delay(1, Cancel);
        }
        await FullDisk.MakeRoomAsync(host.Database);
        for (var i = 0; (await host.FindAsync("a")) is not { HasEnded: true } && i < 5000; i++)
        {
            host.Time.Advance(WorkflowEngine.RetryDelay);
            await Task.Delay(1, Cancel);
        }
        Assert.Equal("\"1\"", (await host.FindAsync("a"))!.Output);
        Assert.Equal(1, runs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Video_that_can_not_be_stored_is_stored_later_or_by_a_resume(bool tooLate)
    {
        await using var scene = await StartAsync();
        // A file where the folder should be: no user of any system can create the folder then.
        var videos = Path.Combine(((LocalHostUnderTest)scene.Host).Data, "videos");
        await File.WriteAllTextAsync(videos, "in the way", Cancel);
        var id = await scene.SubmitAsync();
        if (tooLate)
        {
            Assert.Equal("storage_failed", await scene.FailureAsync(id));
            Assert.DoesNotContain(videos, (await scene.GetAsync(id)).GetRawText(), StringComparison.Ordinal);
        }
        else
        {
            var waits = await scene.Host.RunUntilAsync(id, j => j.GetProperty("warnings").EnumerateArray().Any(w => w.GetProperty("code").GetString() is "storage_failed"));
            Assert.Equal("storing", Scene.StatusOf(waits));
        }
        File.Delete(videos);
        if (tooLate)
        {
            using var resume = await scene.PostAsync($"/api/videos/{id}/resume");
            Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        }
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(id)));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    private static readonly Step<string, string> Pay = new("Pay", Steps.InfrastructureRetry);

    private async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(10))
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(1, Cancel);
        }
    }

    private async Task<Scene> StartAsync()
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMinutes(1) }, _time, cancellationToken: Cancel);
        return new(await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time), runComfy, await WebhookReceiver.StartAsync());
    }
}
