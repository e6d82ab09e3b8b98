using KlingFunctions.Pipeline.Polling;

namespace KlingFunctions.Benchmarks.Polls;

/// <summary>Polls × lateness of the learning plan, as a share of the minimum for any plan that knows the distribution.</summary>
internal static class PollsBenchmark
{
    private const int Worlds = 20;
    private const int JobsInAWorld = 150;
    private const int Drifting = 400;

    private static readonly PollPlan Plan = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30), secondsPerPoll: 1);
    private static readonly double[] Medians = [90, 180, 900];

    /// <summary>Prints a table; returns the mean ratio for log-normal run times after 100 jobs.</summary>
    public static double Run()
    {
        Console.WriteLine("run times                median  fixed delay   first job    after 10   after 100   polls  late (s)");
        var steady = new List<double>();
        foreach (var median in Medians)
        {
            foreach (var sigma in new[] { 0.1, 0.2, 0.3, 0.5 }) steady.Add(Steady(RunTimeDistribution.LogNormal(median, sigma), median));
            Steady(RunTimeDistribution.Bimodal(median), median);
            Steady(RunTimeDistribution.HeavyTailed(median), median);
        }
        foreach (var median in Medians)
        {
            Drift("drifts to double, back", median, n => Math.Pow(2, Math.Abs((n / 100.0 % 2) - 1)));
            Drift("doubles, halves", median, n => n / 100 % 2 == 0 ? 1 : 2);
        }
        Console.WriteLine();
        Console.WriteLine("queue, then a run     ahead  wait (s)   of a fixed 2 s   polls  late (s)");
        foreach (var median in Medians)
        {
            foreach (var (ahead, each) in new[] { (5, 20.0), (20, 15.0), (60, 10.0) }) Queued(median, ahead, each);
        }
        Console.WriteLine();
        return Math.Exp(steady.Average(Math.Log));
    }

    /// <summary>The polls of a job with about this run time (seconds), after a hundred such runs.</summary>
    public static double PollsOf(double median)
    {
        var (distribution, tally) = (RunTimeDistribution.LogNormal(median, 0.2), new Tally());
        for (var world = 0; world < Worlds; world++) Watch(world, 100, distribution, tally);
        return tally.Polls;
    }

    private static double Steady(RunTimeDistribution distribution, double median)
    {
        var tallies = new[] { 0, 1, 10, 100 }.ToDictionary(known => known, _ => new Tally());
        foreach (var (known, tally) in tallies)
        {
            for (var world = 0; world < Worlds; world++) Watch(world, known, distribution, tally);
        }
        double Ratio(int known) => tallies[known].Product / distribution.Bound;
        var last = tallies[100];
        Console.WriteLine(
            $"{distribution.Name,-22} {median,6:F0} s  {distribution.Mean / 2 / distribution.Bound,11:F2}  {Ratio(0),10:F2}  {Ratio(10),10:F2}  {Ratio(100),10:F2}  {last.Polls,6:F1}  {last.Lateness,8:F1}");
        return Ratio(100);
    }

    private static void Watch(int world, int known, RunTimeDistribution distribution, Tally tally)
    {
        var random = new Random((world * 1000) + known);
        var curve = RunTimeCurve.Of(Learned(known, random, distribution));
        for (var n = 0; n < JobsInAWorld; n++) WatchedJob.Running(distribution.Draw(random)).Watch(Plan, $"{world}-{n}", curve, tally);
    }

    /// <summary>One job after the other while their run times change; measured from the hundredth on.</summary>
    private static void Drift(string name, double median, Func<int, double> factor)
    {
        var distribution = RunTimeDistribution.LogNormal(median, 0.2);
        var tally = new Tally();
        double root = 0, mean = 0;
        for (var world = 0; world < Worlds; world++)
        {
            var random = new Random(world);
            var runs = new RunTimes([]);
            for (var n = 0; n < Drifting; n++)
            {
                var run = distribution.Draw(random) * factor(n);
                if (n >= 100)
                {
                    WatchedJob.Running(run).Watch(Plan, $"{world}-{n}", RunTimeCurve.Of(runs), tally);
                    root += Math.Sqrt(factor(n)) / ((Drifting - 100) * Worlds);
                    mean += factor(n) / ((Drifting - 100) * Worlds);
                }
                runs = runs.With(TimeSpan.FromSeconds(run));
            }
        }
        // Polls and lateness both grow with the root of the time, and so does the bound for a plan that knows each job's distribution.
        var bound = distribution.Bound * root * root;
        Console.WriteLine(
            $"{name,-22} {median,6:F0} s  {distribution.Mean * mean / 2 / bound,11:F2}  {"",10}  {"",10}  {tally.Product / bound,10:F2}  {tally.Polls,6:F1}  {tally.Lateness,8:F1}");
    }

    /// <summary>A queue with a known position that advances at random times, then a run, after a hundred known runs.</summary>
    private static void Queued(double median, int ahead, double each)
    {
        var distribution = RunTimeDistribution.LogNormal(median, 0.1);
        var (tally, fixedDelay) = (new Tally(), new Tally());
        for (var world = 0; world < Worlds; world++)
        {
            var random = new Random(world);
            var curve = RunTimeCurve.Of(Learned(100, random, distribution) with { Queued = 1 });
            for (var n = 0; n < JobsInAWorld; n++)
            {
                var falls = new double[ahead + 1];
                for (var place = 0; place <= ahead; place++) falls[place] = (place == 0 ? 0 : falls[place - 1]) - (each * Math.Log(1 - random.NextDouble()));
                var job = new WatchedJob(age => ahead - falls.Count(fall => fall <= age), falls[^1], distribution.Draw(random));
                job.Watch(Plan, $"{world}-{n}", curve, tally);
                var polls = (int)Math.Ceiling((job.Queue + job.Run) / 2) + 1;
                fixedDelay.Add(polls, ((polls - 1) * 2) - job.Queue - job.Run);
            }
        }
        Console.WriteLine(
            $"log-normal, {median,4:F0} s  {ahead,9}  {(ahead + 1) * each,8:F0}   {tally.Product / fixedDelay.Product,14:F2}  {tally.Polls,6:F1}  {tally.Lateness,8:F1}");
    }

    private static RunTimes Learned(int count, Random random, RunTimeDistribution distribution) =>
        Enumerable.Range(0, count).Aggregate(new RunTimes([]), (runs, _) => runs.With(TimeSpan.FromSeconds(distribution.Draw(random))));
}
