using System.Net;

namespace KlingFunctions.Simulator.Tests;

public class WeatherTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly ApiCall[] Calls = Enum.GetValues<ApiCall>();

    [Fact]
    public void Same_seed_draws_the_same_faults_and_another_seed_others()
    {
        Assert.Equal(Day(new() { Seed = 7 }), Day(new() { Seed = 7 }));
        Assert.NotEqual(Day(new() { Seed = 7 }), Day(new() { Seed = 8 }));
    }

    [Theory]
    [InlineData(0, 0, 0, 0)]
    [InlineData(0.2, 0, 0.17, 0.23)]
    [InlineData(1, 0, 1, 1)]
    [InlineData(0, 1, 0.79, 0.81)]
    public void Gusts_affect_some_calls_and_storms_all_but_downloads_for_a_while(double gusts, double storms, double least, double most)
    {
        var day = Day(new() { Seed = 7, Gusts = gusts, Storms = storms });
        Assert.InRange(day.Count(strike => strike is not null) / (double)day.Count, least, most);
    }

    [Fact]
    public void Every_kind_of_fault_is_drawn_eventually()
    {
        var drawn = Enumerable.Range(0, 50).SelectMany(seed => Day(new() { Seed = seed })).OfType<Strike>().Select(s => s.Fault.Kind);
        Assert.Equal(Enum.GetValues<FaultKind>(), drawn.Distinct().Order());
    }

    [Fact]
    public void Documented_refusal_is_not_an_acceptance()
    {
        var late = Enumerable.Range(0, 50).SelectMany(seed => Day(new() { Seed = seed })).OfType<Strike>().Where(s => s.Fault.Late).ToList();
        Assert.NotEmpty(late);
        Assert.DoesNotContain(late, s => s.Fault.Kind is FaultKind.TooManyRequests or FaultKind.BadToken or FaultKind.NoBalance or FaultKind.Forbidden or FaultKind.NotFound);
    }

    [Fact]
    public void No_request_is_unknown_twice_in_a_row()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var weather = new Weather { Seed = seed, Gusts = 1 };
            foreach (var call in Calls)
            {
                var unknown = Enumerable.Range(1, 200).Select(n => weather.On(call, 3, n, Noon.AddMinutes(n), new())?.Fault.Kind is FaultKind.NotFound).ToList();
                Assert.DoesNotContain((true, true), unknown.Zip(unknown.Skip(1)));
            }
        }
    }

    [Fact]
    public async Task Storm_affects_every_call_and_ends()
    {
        await using var provider = await Provider.Start(new() { Weather = new() { Seed = 3, Gusts = 0, Storms = 0.5 } });
        var answers = new List<HttpStatusCode?>();
        for (var minute = 0; minute < 200; minute++)
        {
            try
            {
                answers.Add((await provider.Get("/v1/requests/nobody/status")).StatusCode);
            }
            catch (HttpRequestException)
            {
                answers.Add(null);
            }
            provider.Pass(60);
        }
        // Without faults no request is unknown.
        Assert.Contains(HttpStatusCode.NotFound, answers);
        Assert.InRange(answers.Count(a => a is not HttpStatusCode.NotFound), 60, 140);
    }

    [Fact]
    public async Task Injected_fault_comes_before_the_weather()
    {
        await using var provider = await Provider.Start(new()
        {
            Weather = new() { Gusts = 0, Storms = 0 },
            Faults = [new(ApiCall.Status, FaultKind.BadGateway)],
        });
        Assert.Equal(HttpStatusCode.BadGateway, (await provider.Status("nobody")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Status("nobody")).StatusCode);
    }

    [Fact]
    public async Task Weather_is_set_and_ended_while_the_provider_runs()
    {
        await using var provider = await Provider.Start();
        await provider.Send(HttpMethod.Patch, "/simulator/behaviour", """{"weather": {"seed": 7, "gusts": 0.5}}""");
        Assert.Equal(new Weather { Seed = 7, Gusts = 0.5 }, provider.Host.Behaviour.Weather);
        await provider.Send(HttpMethod.Patch, "/simulator/behaviour", """{"weather": null}""");
        Assert.Null(provider.Host.Behaviour.Weather);
    }

    /// <summary>The faults of a day with one call of each kind per minute.</summary>
    private static List<Strike?> Day(Weather weather)
    {
        // One instance for all, since strikes with different list instances would not be equal.
        var behaviour = new Behaviour();
        return [.. from minute in Enumerable.Range(1, 24 * 60)
                   from call in Calls
                   select weather.On(call, 0, minute, Noon.AddMinutes(minute), behaviour)];
    }
}
