using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Benchmarks.Polls;

/// <summary>A job that waits in a queue, runs, and is polled as in the pipeline, in simulated time.</summary>
/// <param name="Ahead">The requests ahead of it, by seconds since its submission.</param>
/// <param name="Queue">Its time in the queue, in seconds.</param>
/// <param name="Run">Its run time, in seconds.</param>
internal sealed record WatchedJob(Func<double, int> Ahead, double Queue, double Run)
{
    private static readonly DateTimeOffset Submitted = DateTimeOffset.UnixEpoch;

    /// <summary>A job that runs at once.</summary>
    public static WatchedJob Running(double run) => new(_ => 0, 0, run);

    /// <summary>Polls it until it has ended.</summary>
    public void Watch(PollPlan plan, string id, RunTimeCurve? learned, Tally tally)
    {
        var age = plan.FirstDelay(TimeSpan.Zero, id, learned).TotalSeconds;
        Sightings? seen = null;
        for (var polls = 1; ; polls++)
        {
            if (age >= Queue + Run)
            {
                tally.Add(polls, age - Queue - Run);
                return;
            }
            var (now, state) = (Submitted + TimeSpan.FromSeconds(age), age < Queue ? RequestState.Queued : RequestState.Running);
            var position = state is RequestState.Queued ? Ahead(age) : (int?)null;
            seen = Sightings.After(seen, now, state, position);
            age += plan.DelayAfter(
                new(now - Submitted, state, position, Running: now - seen.StartOf(Submitted), LeftInQueue: seen.LeftInQueue), id, learned).TotalSeconds;
        }
    }
}
