namespace KlingFunctions.Pipeline.Polling;

/// <summary>
/// The distribution of run times, estimated from observed runs. Each is spread over its neighbourhood on a logarithmic scale: narrowly
/// where runs are dense, widely where they are sparse. A broad share remains for times never observed.
/// </summary>
internal sealed class RunTimeCurve
{
    private const double Shortest = 0.05;
    private const double Longest = 200_000;
    private const double Cell = 0.02;

    // The number of newer runs that halve a run's weight: the curve follows a change at the provider within a dozen runs.
    private const double HalfLife = 35;

    private const double UnseenWeight = 0.25;
    private const double UnseenWidth = 1;

    // The spread of a single run: a first run shows the scale, and little of the variation.
    private const double FirstWidth = 0.4;
    private const double NeighbourShare = 0.7;

    private static readonly double Origin = Math.Log(Shortest);
    private static readonly int Cells = (int)((Math.Log(Longest) - Origin) / Cell);

    // By cell: the share of runs that last until it begins, and its own share of all runs.
    private readonly double[] _left = new double[Cells + 1];
    private readonly double[] _mass = new double[Cells];

    private RunTimeCurve()
    {
    }

    /// <summary>The share of requests that waited in the queue.</summary>
    public double Queued { get; private init; }

    /// <summary>The curve of these run times; null if there are none.</summary>
    public static RunTimeCurve? Of(RunTimes runs)
    {
        if (runs.Seconds.Count == 0) return null;
        var curve = new RunTimeCurve { Queued = runs.Queued };
        curve.Fill(runs);
        return curve;
    }

    /// <summary>The time at which a share of runs has ended, of those that last longer than <paramref name="age"/>.</summary>
    public TimeSpan Quantile(double share, TimeSpan age = default)
    {
        var goal = (1 - share) * LeftAt(PlaceOf(age.TotalSeconds));
        var cell = Array.FindIndex(_left, left => left <= goal);
        if (cell <= 0) return age;
        var into = (_left[cell - 1] - goal) / (_left[cell - 1] - _left[cell]);
        return TimeSpan.FromSeconds(SecondsOf(cell - 1 + into));
    }

    /// <summary>
    /// The time from an age on until <paramref name="polls"/> polls are worth their price. Polling at the rate √(hazard / 2 price)
    /// minimises the sum of polls and lateness.
    /// </summary>
    public TimeSpan DelayOf(double polls, TimeSpan age, double secondsPerPoll)
    {
        var place = PlaceOf(age.TotalSeconds);
        for (var cell = (int)place; cell < Cells; cell++)
        {
            var from = Math.Max(place, cell);
            var (start, end) = (SecondsOf(from), SecondsOf(cell + 1));
            // Within a cell, ends of runs are uniform.
            var hazard = _mass[cell] / (SecondsOf(cell + 1) - SecondsOf(cell)) / ((_left[cell] + _left[cell + 1]) / 2);
            var rate = Math.Sqrt(hazard / (2 * secondsPerPoll));
            if (polls <= rate * (end - start)) return TimeSpan.FromSeconds(Math.Max(start + (polls / rate), age.TotalSeconds) - age.TotalSeconds);
            polls -= rate * (end - start);
        }
        return TimeSpan.FromSeconds(Longest);
    }

    private static double PlaceOf(double seconds) => Math.Clamp((Math.Log(Math.Max(seconds, Shortest)) - Origin) / Cell, 0, Cells - 1);

    private static double SecondsOf(double place) => Math.Exp(Origin + (place * Cell));

    private double LeftAt(double place)
    {
        var cell = (int)place;
        return _left[cell] - ((place - cell) * _mass[cell]);
    }

    private void Fill(RunTimes runs)
    {
        var places = runs.Seconds.Select(seconds => Origin + (PlaceOf(seconds) * Cell)).ToArray();
        var sorted = places.Order().ToArray();
        var reach = (int)Math.Ceiling(NeighbourShare * Math.Sqrt(places.Length));
        double mean = 0, weights = 0;
        for (var n = 0; n < places.Length; n++)
        {
            var weight = Math.Pow(0.5, (places.Length - 1 - n) / HalfLife);
            Spread(places[n], WidthAt(sorted, places[n], reach), weight);
            mean += weight * places[n];
            weights += weight;
        }
        Spread(mean / weights, UnseenWidth, UnseenWeight);
        weights += UnseenWeight;
        for (var cell = Cells - 1; cell >= 0; cell--)
        {
            _mass[cell] = Math.Max(_mass[cell] / weights, 1e-12);
            _left[cell] = _left[cell + 1] + _mass[cell];
        }
    }

    /// <summary>As wide as the distance to the neighbours, whose number grows with the number of runs.</summary>
    private static double WidthAt(double[] sorted, double place, int reach)
    {
        var least = Math.Max(Cell, FirstWidth / sorted.Length);
        if (sorted.Length <= reach) return FirstWidth;
        var distances = sorted.Select(other => Math.Abs(other - place)).Order().ElementAt(reach);
        return Math.Clamp(distances, least, UnseenWidth);
    }

    private void Spread(double place, double width, double weight)
    {
        var from = Math.Max(0, (int)((place - (4 * width) - Origin) / Cell));
        var to = Math.Min(Cells - 1, (int)((place + (4 * width) - Origin) / Cell));
        double Share(int cell)
        {
            var z = (Origin + ((cell + 0.5) * Cell) - place) / width;
            return Math.Exp(-z * z / 2);
        }
        double sum = 0;
        for (var cell = from; cell <= to; cell++) sum += Share(cell);
        if (sum == 0) return;
        for (var cell = from; cell <= to; cell++) _mass[cell] += weight * Share(cell) / sum;
    }
}
