using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.Polling;

/// <summary>The plan of polls with known run times.</summary>
public class LearnedPlanTests
{
    private static readonly PollPlan Plan = Plans.Usual;
    private static readonly RunTimeCurve ThreeMinutes = RunTimeCurve.Of(Runs.LogNormal(seed: 7, count: 100, median: 180, sigma: 0.2))!;

    [Fact]
    public void Bounds_hold_from_the_time_at_which_one_in_ten_runs_has_ended() =>
        Prop.ForAll(Ages.ToArbitrary(), age =>
        {
            var delay = After(age, RequestState.Running);
            var early = ThreeMinutes.Quantile(0.1).TotalSeconds - age;
            return delay >= 2 && delay <= Math.Max(30, early) + 0.001;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Longest_delay_below_its_default_holds_from_the_start()
    {
        var plan = new PollPlan(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), secondsPerPoll: 1);
        RequestState?[] states = [null, RequestState.Queued, RequestState.Running];
        Prop.ForAll(Ages.Zip(Gen.Elements(states)).ToArbitrary(), given =>
        {
            var moment = new PollMoment(TimeSpan.FromSeconds(given.Item1), given.Item2, QueuePosition: 9, LeftInQueue: TimeSpan.FromMinutes(8));
            return plan.DelayAfter(moment, "job", ThreeMinutes).TotalSeconds is >= 1 and <= 5
                && plan.FirstDelay(moment.Elapsed, "job", ThreeMinutes).TotalSeconds <= 5;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void First_poll_of_a_run_comes_when_runs_begin_to_end() =>
        Assert.InRange(After(0, RequestState.Running), 100, ThreeMinutes.Quantile(0.25).TotalSeconds);

    [Fact]
    public void First_poll_comes_at_once_while_nothing_is_known_or_requests_queue()
    {
        var queued = RunTimeCurve.Of(Runs.LogNormal(seed: 7, count: 100, median: 180, sigma: 0.2) with { Queued = 0.5 });
        Assert.Equal(TimeSpan.Zero, Plan.FirstDelay(TimeSpan.Zero, "job-1", learned: null));
        Assert.Equal(TimeSpan.Zero, Plan.FirstDelay(TimeSpan.Zero, "job-1", queued));
        var delays = Enumerable.Range(0, 1000).Select(n => Plan.FirstDelay(TimeSpan.Zero, $"job-{n}", ThreeMinutes)).ToList();
        Assert.InRange(delays.Count(delay => delay == TimeSpan.Zero), 50, 150);
        Assert.All(delays.Where(delay => delay > TimeSpan.Zero), delay => Assert.True(delay.TotalSeconds > 100));
    }

    [Fact]
    public void Cheaper_polls_come_more_often() =>
        Assert.True(new PollPlan(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30), secondsPerPoll: 0.2).DelayAfter(new(TimeSpan.FromSeconds(180)), "job", ThreeMinutes)
            < Plan.DelayAfter(new(TimeSpan.FromSeconds(180)), "job", ThreeMinutes));

    [Fact]
    public void Known_run_times_cost_a_quarter_of_unknown_ones()
    {
        var (unknown, known) = (PollsTimesLateness(null), PollsTimesLateness(ThreeMinutes));
        Assert.True(known < unknown / 4, $"{known:F0} of {unknown:F0}");
    }

    [Fact]
    public void Long_queue_is_polled_rarely()
    {
        var moment = new PollMoment(
            TimeSpan.FromMinutes(10), RequestState.Queued, QueuePosition: 40, LeftInQueue: TimeSpan.FromMinutes(8));
        Assert.InRange(Plan.DelayAfter(moment, "job", ThreeMinutes).TotalSeconds, 240, 480);
        Assert.InRange(Plan.DelayAfter(moment with { LeftInQueue = TimeSpan.FromSeconds(5), QueuePosition = 0 }, "job", ThreeMinutes).TotalSeconds, 5, 40);
    }

    [Fact]
    public void Retry_After_is_obeyed_and_faults_back_off()
    {
        var asked = Plan.DelayAfter(new(TimeSpan.FromSeconds(180), RetryAfter: TimeSpan.FromMinutes(2)), "job", ThreeMinutes);
        Assert.InRange(asked, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(2.3));
        var delays = Enumerable.Range(0, 7).Select(n => Plan.DelayAfter(new(TimeSpan.FromSeconds(180), ConsecutiveFaults: n), "job", ThreeMinutes)).ToList();
        Assert.Equal(delays.Order(), delays);
        Assert.InRange(delays[^1].TotalSeconds, 27, 30);
    }

    private static Gen<int> Ages => Gen.Choose(0, 5_000);

    private static double After(int age, RequestState state) =>
        Plan.DelayAfter(new(TimeSpan.FromSeconds(age), state, Running: TimeSpan.FromSeconds(age)), $"job-{age}", ThreeMinutes).TotalSeconds;

    private static double PollsTimesLateness(RunTimeCurve? learned)
    {
        var random = new Random(11);
        double polls = 0, lateness = 0;
        for (var n = 0; n < 300; n++)
        {
            var (run, age) = (Runs.LogNormal(random, 180, 0.2), Plan.FirstDelay(TimeSpan.Zero, $"job-{n}", learned).TotalSeconds);
            for (polls++; age < run; polls++) age += Plan.DelayAfter(new(TimeSpan.FromSeconds(age), RequestState.Running), $"job-{n}", learned).TotalSeconds;
            lateness += age - run;
        }
        return polls / 300 * (lateness / 300);
    }
}
