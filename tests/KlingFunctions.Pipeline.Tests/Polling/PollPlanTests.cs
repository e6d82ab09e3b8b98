using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class PollPlanTests
{
    private static readonly TimeSpan Min = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(30);
    private static readonly PollPlan Plan = new(Min, Max, secondsPerPoll: 1);

    private static readonly Gen<PollMoment> Moments =
        from elapsed in Gen.Choose(0, 20_000)
        from state in Gen.Elements<RequestState?>(null, RequestState.Queued, RequestState.Running, RequestState.Finished)
        from position in Gen.Elements<int?>(null, 0, 1, 7, 500, -3)
        from faults in Gen.Choose(0, 2000)
        from asked in Gen.Elements<int?>(null, null, 0, 1, 45, 600, 86_400)
        select new PollMoment(TimeSpan.FromSeconds(elapsed), state, position, faults, asked is { } s ? TimeSpan.FromSeconds(s) : null);

    [Fact]
    public void Bounds_hold_unless_the_provider_asks_for_more() =>
        Prop.ForAll(Moments.Zip(Jobs).ToArbitrary(), given =>
        {
            var (moment, job) = given;
            var delay = Plan.DelayAfter(moment, job);
            var most = moment.RetryAfter > Max ? ProviderFault.LongestRetryAfter * 1.1 : Max;
            return delay >= Min && delay <= most && Plan.DelayAfter(moment, job) == delay;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Retry_After_is_obeyed_up_to_ten_minutes() =>
        Prop.ForAll(Moments.Zip(Jobs).ToArbitrary(), given =>
            given.Item1.RetryAfter is not { } asked
            || Plan.DelayAfter(given.Item1, given.Item2) >= (asked < ProviderFault.LongestRetryAfter ? asked : ProviderFault.LongestRetryAfter)).QuickCheckThrowOnFailure();

    [Fact]
    public void Age_queue_position_failures_and_Retry_After_never_shorten_a_delay() =>
        Prop.ForAll(Moments.Zip(Jobs).ToArbitrary(), given =>
        {
            var (moment, job) = given;
            var delay = Plan.DelayAfter(moment, job);
            return Plan.DelayAfter(moment with { Elapsed = moment.Elapsed + TimeSpan.FromMinutes(1) }, job) >= delay
                && Plan.DelayAfter(moment with { ConsecutiveFaults = moment.ConsecutiveFaults + 1 }, job) >= delay
                && Plan.DelayAfter(moment with { QueuePosition = Math.Max(moment.QueuePosition ?? 0, 0) + 1 }, job) >= delay
                && Plan.DelayAfter(moment with { RetryAfter = (moment.RetryAfter ?? TimeSpan.Zero) + TimeSpan.FromSeconds(9) }, job) >= delay;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Young_job_is_polled_quickly_and_an_old_one_by_its_age()
    {
        var young = Plan.DelayAfter(new PollMoment(TimeSpan.Zero, RequestState.Running), "job");
        var older = Plan.DelayAfter(new PollMoment(TimeSpan.FromSeconds(200), RequestState.Running), "job");
        Assert.InRange(young.TotalSeconds, 2, 2.2);
        Assert.InRange(older.TotalSeconds, 16 * 0.9, 16 * 1.1);
    }

    [Theory]
    [InlineData(RequestState.Queued, 5, 12)]
    [InlineData(RequestState.Queued, 0, 2)]
    [InlineData(RequestState.Queued, -3, 2)]
    [InlineData(RequestState.Queued, null, 2)]
    [InlineData(RequestState.Running, 5, 2)]
    public void Each_job_ahead_in_the_queue_adds_the_shortest_delay(RequestState state, int? position, double seconds) =>
        Assert.InRange(Plan.DelayAfter(new PollMoment(TimeSpan.Zero, state, position), "job").TotalSeconds, seconds * 0.9, seconds * 1.1);

    [Fact]
    public void Consecutive_faults_back_off_to_the_upper_bound()
    {
        var delays = Enumerable.Range(0, 6).Select(n => Plan.DelayAfter(new PollMoment(TimeSpan.Zero, ConsecutiveFaults: n), "job").TotalSeconds).ToList();
        Assert.All(delays.Zip(delays.Skip(1)).Take(3), pair => Assert.True(pair.Second > pair.First * 1.5));
        Assert.InRange(delays[^1], 27, 30);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    [InlineData(7000)]
    public void Thousand_jobs_of_one_age_do_not_poll_at_once(int elapsedSeconds)
    {
        var delays = Enumerable.Range(0, 1000)
            .Select(n => Plan.DelayAfter(new PollMoment(TimeSpan.FromSeconds(elapsedSeconds)), $"job-{n}").TotalSeconds)
            .ToList();
        var (least, most) = (delays.Min(), delays.Max());
        Assert.True(most - least > 0.09 * least);
        // No tenth of the range has more than twice its share.
        Assert.All(delays.GroupBy(d => (int)((d - least) / (most - least) * 9.999)), tenth => Assert.InRange(tenth.Count(), 1, 200));
    }

    [Fact]
    public void Equal_Retry_After_does_not_bring_all_jobs_back_at_once() =>
        Assert.True(Enumerable.Range(0, 100).Select(n => Plan.DelayAfter(new PollMoment(TimeSpan.Zero, RetryAfter: TimeSpan.FromMinutes(1)), $"job-{n}")).Distinct().Count() > 90);

    private static Gen<string> Jobs => Gen.Choose(0, 10_000).Select(n => $"job-{n}");
}
