using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Polling;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class RunTimeCurveTests
{
    private static readonly Gen<RunTimes> SomeRuns =
        from count in Gen.Choose(1, 150)
        from seconds in Gen.Choose(1, 9_000_000).ArrayOf(count)
        select seconds.Aggregate(new RunTimes([]), (runs, n) => runs.With(TimeSpan.FromSeconds(n / 100.0)));

    [Fact]
    public void No_runs_give_no_curve() => Assert.Null(RunTimeCurve.Of(new([])));

    [Fact]
    public void Quantiles_grow_with_the_share_and_exceed_the_age() =>
        Prop.ForAll(SomeRuns.Zip(Gen.Choose(0, 20_000)).ToArbitrary(), given =>
        {
            var (curve, age) = (RunTimeCurve.Of(given.Item1)!, TimeSpan.FromSeconds(given.Item2));
            var (early, middle, late) = (curve.Quantile(0.1, age), curve.Quantile(0.5, age), curve.Quantile(0.9, age));
            return age <= early && early <= middle && middle <= late;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void More_polls_take_longer_and_cheaper_polls_come_sooner() =>
        Prop.ForAll(SomeRuns.Zip(Gen.Choose(0, 20_000)).ToArbitrary(), given =>
        {
            var (curve, age) = (RunTimeCurve.Of(given.Item1)!, TimeSpan.FromSeconds(given.Item2));
            var delay = curve.DelayOf(1, age, secondsPerPoll: 1);
            return delay >= TimeSpan.Zero && curve.DelayOf(2, age, 1) >= delay && curve.DelayOf(1, age, 0.25) <= delay;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Median_is_that_of_the_runs()
    {
        var curve = RunTimeCurve.Of(Runs.LogNormal(seed: 1, count: 100, median: 180, sigma: 0.2))!;
        Assert.InRange(curve.Quantile(0.5).TotalSeconds, 170, 190);
        Assert.InRange(curve.Quantile(0.1).TotalSeconds, 120, 150);
        // A run that has lasted longer than all others is expected to last longer still.
        Assert.True(curve.Quantile(0.5, TimeSpan.FromSeconds(900)) > TimeSpan.FromSeconds(900));
    }

    [Fact]
    public void Change_at_the_provider_is_learned_within_35_runs()
    {
        var runs = Enumerable.Repeat(100.0, 100).Concat(Enumerable.Repeat(300.0, 40)).Aggregate(new RunTimes([]), (known, n) => known.With(TimeSpan.FromSeconds(n)));
        Assert.InRange(RunTimeCurve.Of(runs)!.Quantile(0.5).TotalSeconds, 280, 320);
        Assert.Equal(100, runs.Seconds.Count);
    }

    [Fact]
    public void Share_of_queued_requests_follows_the_observed_ones()
    {
        var runs = new RunTimes([]).With(TimeSpan.FromSeconds(60), wasQueued: true);
        Assert.Equal(1, runs.Queued);
        Assert.Equal(1, runs.With(TimeSpan.FromSeconds(60)).Queued);
        Assert.InRange(runs.With(TimeSpan.FromSeconds(60), wasQueued: false).Queued, 0.85, 0.95);
    }
}
