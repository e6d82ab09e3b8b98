namespace KlingFunctions.Pipeline.Polling;

/// <summary>The times of the last runs of one kind.</summary>
/// <param name="Seconds">Each run's time, the newest last.</param>
/// <param name="Queued">The share of requests that waited in the queue, weighted towards newer ones.</param>
internal sealed record RunTimes(IReadOnlyList<double> Seconds, double Queued = 0)
{
    private const int Kept = 100;
    private const double WeightOfTheNewest = 0.1;

    /// <summary>These times and one more. The oldest is dropped when there are many.</summary>
    /// <param name="run">The run time.</param>
    /// <param name="wasQueued">Whether it waited in the queue; null: not observed.</param>
    public RunTimes With(TimeSpan run, bool? wasQueued = null) => new(
        [.. Seconds.TakeLast(Kept - 1), Math.Round(run.TotalSeconds, 2)],
        wasQueued is { } was ? Queued + ((Seconds.Count == 0 ? 1 : WeightOfTheNewest) * ((was ? 1 : 0) - Queued)) : Queued);
}
