using System.Net;
using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

public sealed class LocalRates : RatesContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    protected override TimeProvider Time => _time;

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => await LocalHostUnderTest.StartAsync(settings, _time);

    [Fact]
    public async Task Resumed_and_new_jobs_together_stay_within_the_daily_cap()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "1"));
        var failed = new List<string>();
        for (var day = 1; day <= 3; day++)
        {
            _time.SetUtcNow(new(2026, 1, day, 10, 0, 0, TimeSpan.Zero));
            scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.NoBalance, Times: 1));
            failed.Add(await scene.SubmitAsync());
            Assert.Equal("provider_balance", await scene.FailureAsync(failed[^1]));
        }
        _time.SetUtcNow(new(2026, 1, 4, 10, 0, 0, TimeSpan.Zero));
        await scene.SubmitAsync();
        await scene.Host.RunToRestAsync();
        foreach (var id in failed)
        {
            using var resumed = await scene.PostAsync($"/api/videos/{id}/resume");
            Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        }
        // Idle first: advancing the clock during an image check would time the fetch out.
        await scene.Host.RunToRestAsync();
        for (var day = 4; day <= 7; day++)
        {
            _time.SetUtcNow(new(2026, 1, day, 12, 0, 0, TimeSpan.Zero));
            await scene.Host.RunToRestAsync();
            Assert.Equal(day - 3, scene.RunComfy.Account.AcceptedCount);
        }
        foreach (var id in failed) await scene.UntilAsync(id, "succeeded");
    }

    [Fact]
    public async Task New_day_begins_at_midnight_UTC_with_its_own_count()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "3"));
        for (var day = 1; day <= 3; day++)
        {
            _time.SetUtcNow(new(2026, 1, day, 23, 0, 0, TimeSpan.Zero));
            Assert.Equal(day == 1 ? 3 : 0, (await PostAsync(scene, 20)).Count(a => a.Status is HttpStatusCode.Accepted));
            // A submission counts for the day in which it is sent.
            await scene.Host.RunToRestAsync();
            _time.SetUtcNow(new(2026, 1, day, 23, 59, 58, TimeSpan.Zero));
            await scene.Host.KillAsync();
            using var late = await scene.PostAsync("/api/videos", scene.Request());
            Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(2)), (late.StatusCode, late.Headers.RetryAfter?.Delta));
            _time.SetUtcNow(new(2026, 1, day + 1, 0, 0, 0, TimeSpan.Zero));
            Assert.Equal(3, (await PostAsync(scene, 20)).Count(a => a.Status is HttpStatusCode.Accepted));
        }
    }
}
