using System.Net;
using KlingFunctions.Contracts;
using KlingFunctions.Contracts.Hosts;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

public sealed class LocalRates : RatesContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    protected override TimeProvider Time => _time;

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => await LocalHostUnderTest.StartAsync(settings, _time);

    [Fact]
    public async Task A_new_day_begins_at_midnight_UTC_and_has_its_own_number()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "3"));
        for (var day = 1; day <= 3; day++)
        {
            _time.SetUtcNow(new(2026, 1, day, 23, 59, 58, TimeSpan.Zero));
            Assert.Equal(day == 1 ? 3 : 0, (await PostAsync(scene, 20)).Count(a => a.Status is HttpStatusCode.Accepted));
            await scene.Host.KillAsync();
            using var late = await scene.PostAsync("/api/videos", scene.Request());
            Assert.Equal((HttpStatusCode.TooManyRequests, TimeSpan.FromSeconds(2)), (late.StatusCode, late.Headers.RetryAfter?.Delta));
            _time.SetUtcNow(new(2026, 1, day + 1, 0, 0, 0, TimeSpan.Zero));
            Assert.Equal(3, (await PostAsync(scene, 20)).Count(a => a.Status is HttpStatusCode.Accepted));
        }
    }
}
