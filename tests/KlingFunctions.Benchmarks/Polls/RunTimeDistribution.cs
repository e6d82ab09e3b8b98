namespace KlingFunctions.Benchmarks.Polls;

/// <summary>A distribution of run times, as a density on a logarithmic scale.</summary>
internal sealed class RunTimeDistribution
{
    private const double Step = 0.002;
    private const double Reach = 7;

    private readonly double[] _seconds;
    private readonly double[] _ended;

    private RunTimeDistribution(string name, double median, Func<double, double> density)
    {
        Name = name;
        var count = (int)(2 * Reach / Step);
        _seconds = new double[count];
        _ended = new double[count];
        var mass = new double[count];
        for (var n = 0; n < count; n++)
        {
            var x = -Reach + (n * Step);
            _seconds[n] = median * Math.Exp(x);
            mass[n] = density(x) * Step;
        }
        var total = mass.Sum();
        double ended = 0, root = 0;
        for (var n = 0; n < count; n++)
        {
            var share = mass[n] / total;
            root += Math.Sqrt(Math.Max(1 - ended - (share / 2), 0) * share * _seconds[n] * Step);
            MeanRoot += share * Math.Sqrt(_seconds[n]);
            Mean += share * _seconds[n];
            _ended[n] = ended += share;
        }
        Bound = root * root / 2;
    }

    public string Name { get; }

    public double Mean { get; }

    public double MeanRoot { get; }

    /// <summary>The minimum of polls × seconds of lateness: ½(∫√(S·f)dt)².</summary>
    public double Bound { get; }

    public static RunTimeDistribution LogNormal(double median, double sigma) => new($"log-normal, σ {sigma}", median, x => Normal(x, 0, sigma));

    public static RunTimeDistribution Bimodal(double median) => new("bimodal", median, x => Normal(x, -0.5, 0.15) + Normal(x, 0.5, 0.15));

    /// <summary>A distribution in which one run in ten follows a Pareto distribution.</summary>
    public static RunTimeDistribution HeavyTailed(double median) =>
        new("heavy tail", median, x => (0.9 * Normal(x, 0, 0.2)) + (x > 0 ? 0.1 * 1.5 * Math.Exp(-1.5 * x) : 0));

    public double Draw(Random random)
    {
        var place = Array.BinarySearch(_ended, random.NextDouble() * _ended[^1]);
        return _seconds[Math.Min(place < 0 ? ~place : place, _seconds.Length - 1)];
    }

    private static double Normal(double x, double mean, double sigma) => Math.Exp(-(x - mean) * (x - mean) / (2 * sigma * sigma)) / (sigma * Math.Sqrt(2 * Math.PI));
}
