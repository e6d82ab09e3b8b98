using System.Net;
using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests.Journal;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// A clock that is set back or forward, while the host runs or is stopped. Nothing is lost or paid twice, no job waits for as long as the
/// clock was wrong, and nothing spins.
/// </summary>
public sealed class ClockTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>An hour, a day, ten years, and a time before computers existed.</summary>
    public static TheoryData<int, bool> Jumps
    {
        get
        {
            var jumps = new TheoryData<int, bool>();
            foreach (var hours in new[] { 1, 24, 10 * 365 * 24, 60 * 365 * 24 })
            {
                foreach (var isOff in new[] { false, true }) jumps.Add(hours, isOff);
            }
            return jumps;
        }
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task Job_continues_within_minutes_of_a_clock_set_back_and_is_paid_once(int hours, bool isOff)
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "in_progress");
        await SetAsync(scene, TimeSpan.FromHours(-hours), isOff);
        var before = scene.RunComfy.Account.Calls(ApiCall.Status);
        await PassAsync(scene, TimeSpan.FromMinutes(5));
        // The rate of polls is as before: at most five per second, and at least one in two seconds.
        Assert.InRange(scene.RunComfy.Account.Calls(ApiCall.Status) - before, 100, 1500);

        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { NeverFinishes = false };
        await PassAsync(scene, TimeSpan.FromMinutes(1));
        Assert.Equal("succeeded", Scene.StatusOf(await scene.GetAsync(id)));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task Clock_set_back_does_not_change_the_webhook_schedule(int hours, bool isOff)
    {
        await using var scene = await StartAsync(finishes: true);
        scene.Receiver.Status = 503;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count == 2);
        await scene.Host.RunToRestAsync();
        await SetAsync(scene, TimeSpan.FromHours(-hours), isOff);
        await PassAsync(scene, TimeSpan.FromMinutes(7));
        Assert.Equal(3, scene.Receiver.Received.Count); // Five minutes after the second try.
        scene.Receiver.Status = 204;
        await PassAsync(scene, TimeSpan.FromMinutes(31));
        Assert.Equal(4, scene.Receiver.Received.Count);
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task Clock_set_past_a_deadline_fails_the_job_and_resume_continues_it(int hours, bool isOff)
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "in_progress");
        // The default deadline is longer than an hour.
        await SetAsync(scene, TimeSpan.FromHours(hours), isOff);
        await PassAsync(scene, TimeSpan.FromMinutes(2));
        var job = await scene.GetAsync(id);
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { NeverFinishes = false };
        if (hours > 1)
        {
            Assert.Equal("provider_timeout", job.GetProperty("error").GetProperty("code").GetString());
            using var resume = await scene.PostAsync($"/api/videos/{id}/resume");
            Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        }
        else
        {
            Assert.Equal("in_progress", Scene.StatusOf(job));
        }
        await PassAsync(scene, TimeSpan.FromMinutes(2));
        Assert.Equal("succeeded", Scene.StatusOf(await scene.GetAsync(id)));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Clock_ten_years_ahead_for_an_hour_deletes_no_job()
    {
        await using var scene = await StartAsync(finishes: true);
        using var first = await scene.PostAsync("/api/videos", scene.Request(), "order-7");
        var id = (await Scene.JsonOf(first)).GetProperty("id").GetString()!;
        await scene.EndAsync(id);
        await SetAsync(scene, TimeSpan.FromDays(3650), isOff: true);
        await PassAsync(scene, TimeSpan.FromMinutes(50));
        await SetAsync(scene, TimeSpan.FromDays(-3650), isOff: false);
        await PassAsync(scene, TimeSpan.FromHours(2));
        Assert.Equal("succeeded", Scene.StatusOf(await scene.GetAsync(id)));
        using var again = await scene.PostAsync("/api/videos", scene.Request(), "order-7");
        Assert.Equal(id, (await Scene.JsonOf(again)).GetProperty("id").GetString());
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Clock_set_back_changes_no_wait()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(JsonSerializerOptions.Web).Add<int, int>("W", async (context, n) =>
        {
            await context.WaitUntilAsync(context.Now.AddHours(1), CancellationToken.None);
            await context.WaitUntilAsync(context.Now.AddHours(1), CancellationToken.None);
            return n;
        }));
        await host.StartAsync("W", "a", "1");
        for (var hour = 0; hour < 2; hour++)
        {
            await host.RunToRestAsync("a");
            host.Time.AdjustTime(host.Now.AddDays(-1));
            await host.PassAsync(TimeSpan.FromMinutes(2));
            await host.PassAsync(TimeSpan.FromMinutes(50));
            Assert.False((await host.FindAsync("a"))!.HasEnded);
            if (hour == 1) host.Time.AdjustTime(host.Now.AddDays(-1));
            await host.PassAsync(TimeSpan.FromMinutes(2));
            await host.PassAsync(TimeSpan.FromHours(1));
        }
        Assert.True((await host.FindAsync("a"))!.HasEnded);
    }

    private static async Task SetAsync(Scene scene, TimeSpan by, bool isOff)
    {
        var host = (LocalHostUnderTest)scene.Host;
        await host.RunToRestAsync();
        // A reopened journal does not see how the clock was changed.
        if (isOff) await host.KillAsync(() => Adjust());
        else Adjust();

        void Adjust() => ((FakeTimeProvider)host.Time).AdjustTime(host.Time.GetUtcNow() + by);
    }

    /// <summary>Advances time in small steps, so that every timer fires.</summary>
    private async Task PassAsync(Scene scene, TimeSpan time)
    {
        var step = time > TimeSpan.FromMinutes(10) ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(1);
        for (var passed = TimeSpan.Zero; passed < time; passed += step)
        {
            _time.Advance(step);
            await scene.Host.RunToRestAsync();
        }
    }

    private async Task<Scene> StartAsync(bool finishes = false)
    {
        // The simulator has its own clock, as RunComfy has.
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, NeverFinishes = !finishes }, cancellationToken: Cancel);
        return new(await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time), runComfy, await WebhookReceiver.StartAsync());
    }
}
