using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>The facts about a job from which its next poll is planned.</summary>
/// <param name="Elapsed">Time since the job was submitted.</param>
/// <param name="State">The last known state; null before the first, or after an unknown word.</param>
/// <param name="QueuePosition">The last known place in the queue, 0 or more; null if none.</param>
/// <param name="ConsecutiveFaults">The number of consecutive failed polls up to now.</param>
/// <param name="RetryAfter">The wait that the provider asked for in its last answer; null if absent.</param>
/// <param name="Running">Time since the run began, as far as known; null: <paramref name="Elapsed"/>.</param>
/// <param name="LeftInQueue">The expected time left in the queue, from the speed of its place; null when not known.</param>
internal readonly record struct PollMoment(
    TimeSpan Elapsed, RequestState? State = null, int? QueuePosition = null, int ConsecutiveFaults = 0, TimeSpan? RetryAfter = null,
    TimeSpan? Running = null, TimeSpan? LeftInQueue = null);

/// <summary>
/// Plans the time of the next poll. With known run times, polls are densest where a run is most likely to end. Otherwise the delay is a
/// fraction of the job's age, so that lateness is a small, constant part of the whole wait. The plan is pure: the same moment of the same
/// job gives the same delay.
/// </summary>
/// <param name="shortest">The least delay.</param>
/// <param name="longest">
/// The greatest delay, unless the provider asks for more. At <see cref="UsualLongest"/> or above it applies once one in ten runs has ended;
/// an owner who sets less wants to see each state soon, so less applies from the start.
/// </param>
/// <param name="secondsPerPoll">The price of a poll, in seconds of lateness.</param>
internal sealed class PollPlan(TimeSpan shortest, TimeSpan longest, double secondsPerPoll)
{
    /// <summary>The default of <c>Pipeline:PollMax</c>.</summary>
    public static readonly TimeSpan UsualLongest = TimeSpan.FromSeconds(30);

    private const double PartOfAge = 0.08;
    private const double Spread = 0.10;

    // A first poll before the end is wasted, so it comes late within the range that is worth it.
    private const double FirstPoll = 1.4;
    private const double FirstSpread = 0.2;
    private const double BeforeTheFirstEnd = 0.02;

    // A place that has fallen further shows the speed better, but waiting out the whole queue would miss the start of the run.
    private const double PartOfQueue = 0.7;
    private const double PartOfQueuedTime = 0.25;

    private const double OftenQueued = 0.1;
    private const double LooksForAQueue = 0.1;

    private readonly double _shortest = Math.Max(shortest.TotalSeconds, 0);
    private readonly double _longest = Math.Max(longest.TotalSeconds, Math.Max(shortest.TotalSeconds, 0));
    private readonly bool _holdsFromTheStart = longest < UsualLongest;

    /// <summary>
    /// The delay from a submission to the first poll. It may last until a run could end, unless there is a queue: an early poll reads the
    /// place. A tenth of all jobs poll early in any case.
    /// </summary>
    /// <param name="elapsed">Time since the submission.</param>
    /// <param name="jobId">As for <see cref="DelayAfter"/>.</param>
    /// <param name="learned">As for <see cref="DelayAfter"/>.</param>
    public TimeSpan FirstDelay(TimeSpan elapsed, string jobId, RunTimeCurve? learned) =>
        learned is null || learned.Queued > OftenQueued || Place(jobId) < LooksForAQueue ? TimeSpan.Zero : DelayAfter(new(elapsed), jobId, learned);

    /// <summary>The delay from now to the next poll.</summary>
    /// <param name="now">The facts about the job.</param>
    /// <param name="jobId">Adds jitter of up to 10 % either way, so that a thousand jobs submitted together do not poll together.</param>
    /// <param name="learned">The curve of such runs; null when not known.</param>
    public TimeSpan DelayAfter(PollMoment now, string jobId, RunTimeCurve? learned = null)
    {
        var place = Place(jobId);
        var delay = (learned, now.State) switch
        {
            (null, _) => Spaced(ByAge(now), place),
            (_, RequestState.Queued) when _holdsFromTheStart => Spaced(InQueue(now, learned), place),
            (_, RequestState.Queued) => Math.Max(_shortest, InQueue(now, learned) * (1 - Spread + (2 * Spread * place))),
            _ => ByHazard(now.Running ?? now.Elapsed, learned, place),
        };
        if (now.ConsecutiveFaults > 0) delay = Math.Max(delay, Spaced(_shortest * Math.Pow(2, Math.Min(now.ConsecutiveFaults, 30)), place));
        if (now.RetryAfter is { } asked)
            delay = Math.Max(delay, Math.Min(asked.TotalSeconds, ProviderFault.LongestRetryAfter.TotalSeconds) * (1 + (place * Spread)));
        return TimeSpan.FromSeconds(delay);
    }

    private double ByAge(PollMoment now)
    {
        var delay = Math.Max(_shortest, PartOfAge * now.Elapsed.TotalSeconds);
        return now.State == RequestState.Queued ? delay + (_shortest * Math.Max(now.QueuePosition ?? 0, 0)) : delay; // each job ahead takes its time first
    }

    /// <summary>No job ends in the queue. Polls only find the start of the run, no more exactly than run times vary.</summary>
    private double InQueue(PollMoment now, RunTimeCurve learned)
    {
        var (early, low, high) = (learned.Quantile(0.1), learned.Quantile(0.25), learned.Quantile(0.75));
        var close = Math.Min((high - low).TotalSeconds, early.TotalSeconds) / 2;
        return Math.Max(close, now.LeftInQueue is { } left
            ? Math.Min(PartOfQueue * left.TotalSeconds, now.Elapsed.TotalSeconds)
            : Math.Min(PartOfQueuedTime * now.Elapsed.TotalSeconds, _longest));
    }

    private double ByHazard(TimeSpan age, RunTimeCurve learned, double place)
    {
        var isFirst = age < learned.Quantile(BeforeTheFirstEnd);
        var polls = isFirst ? FirstPoll + (((2 * place) - 1) * FirstSpread) : 1 + (((2 * place) - 1) * Spread);
        var longest = _holdsFromTheStart ? _longest : Math.Max(_longest, (learned.Quantile(0.1) - age).TotalSeconds);
        return Math.Clamp(learned.DelayOf(polls, age, secondsPerPoll).TotalSeconds, _shortest, longest);
    }

    // Jitter stays within the bounds: clamping it would put half of all jobs back in step at a bound.
    private double Spaced(double delay, double place)
    {
        delay = Math.Min(delay, _longest);
        var low = Math.Max(_shortest, delay * (1 - Spread));
        var high = Math.Min(_longest, delay * (1 + Spread));
        return low + (place * (high - low));
    }

    /// <summary>A job's place in [0, 1). <see cref="string.GetHashCode()"/> would differ between processes.</summary>
    private static double Place(string jobId) => BitConverter.ToUInt32(SHA256.HashData(Encoding.UTF8.GetBytes(jobId))) / (uint.MaxValue + 1.0);
}
