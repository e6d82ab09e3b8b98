namespace KlingFunctions.Benchmarks.Polls;

/// <summary>The cost of some jobs: polls, and the delay with which their ends were noticed.</summary>
internal sealed class Tally
{
    private double _jobs, _polls, _lateness;

    public double Polls => _polls / _jobs;

    public double Lateness => _lateness / _jobs;

    /// <summary>
    /// Polls per job × seconds of lateness per job. The price of a poll does not change it, so plans can be compared with it.
    /// </summary>
    public double Product => Polls * Lateness;

    public void Add(int polls, double lateness)
    {
        _jobs++;
        _polls += polls;
        _lateness += lateness;
    }
}
