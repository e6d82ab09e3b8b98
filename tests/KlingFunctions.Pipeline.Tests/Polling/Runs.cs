using KlingFunctions.Pipeline.Polling;

namespace KlingFunctions.Pipeline.Tests.Polling;

/// <summary>Run times from a seed.</summary>
internal static class Runs
{
    public static double LogNormal(Random random, double median, double sigma) =>
        median * Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));

    public static RunTimes LogNormal(int seed, int count, double median, double sigma)
    {
        var random = new Random(seed);
        return Enumerable.Range(0, count).Aggregate(new RunTimes([]), (runs, _) => runs.With(TimeSpan.FromSeconds(LogNormal(random, median, sigma))));
    }
}
