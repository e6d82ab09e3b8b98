using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>What is known of a job when its next poll is planned.</summary>
/// <param name="Elapsed">Time since the job was submitted.</param>
/// <param name="State">The state last told; null when none was told yet, or a word that nobody knows.</param>
/// <param name="QueuePosition">The place in the queue last told, 0 or more; null when not told.</param>
/// <param name="ConsecutiveFaults">How many polls in a row have failed up to now.</param>
/// <param name="RetryAfter">How long the provider asked to wait in its last answer; null when it did not.</param>
public readonly record struct PollMoment(
    TimeSpan Elapsed, RequestState? State = null, int? QueuePosition = null, int ConsecutiveFaults = 0, TimeSpan? RetryAfter = null);

/// <summary>
/// When to ask next. A poll is wasted unless the state has changed, and a change is noticed late by half the delay on average; a delay in
/// proportion to the job's age keeps that lateness a small, constant part of the whole wait, and the number of polls logarithmic in it. The
/// plan is pure: the same moment of the same job gives the same delay.
/// </summary>
/// <param name="shortest">No delay is below this.</param>
/// <param name="longest">No delay is above this, unless the provider asks for more.</param>
public sealed class PollPlan(TimeSpan shortest, TimeSpan longest)
{
    private const double PartOfAge = 0.08;
    private const double Spread = 0.10;

    private readonly double _shortest = Math.Max(shortest.TotalSeconds, 0);
    private readonly double _longest = Math.Max(longest.TotalSeconds, Math.Max(shortest.TotalSeconds, 0));

    /// <summary>The delay from now to the next poll.</summary>
    /// <param name="now">What is known of the job.</param>
    /// <param name="jobId">Spreads jobs apart, by up to 10 % either way, so that a thousand that were submitted together do not ask
    /// together.</param>
    public TimeSpan DelayAfter(PollMoment now, string jobId)
    {
        var delay = Math.Max(_shortest, PartOfAge * now.Elapsed.TotalSeconds);
        if (now.State == RequestState.Queued)
            delay += _shortest * Math.Max(now.QueuePosition ?? 0, 0); // each job ahead takes its time first
        delay *= Math.Pow(2, Math.Clamp(now.ConsecutiveFaults, 0, 30));
        delay = Math.Min(delay, _longest);

        // Spread within the bounds, not beyond and then cut off: at a bound, cutting off would put half of all jobs back in step.
        var low = Math.Max(_shortest, delay * (1 - Spread));
        var high = Math.Min(_longest, delay * (1 + Spread));
        var place = Place(jobId);
        delay = low + (place * (high - low));

        if (now.RetryAfter is { } asked)
            delay = Math.Max(delay, Math.Min(asked.TotalSeconds, ProviderFault.LongestRetryAfter.TotalSeconds) * (1 + (place * Spread)));
        return TimeSpan.FromSeconds(delay);
    }

    /// <summary>Where in [0, 1) a job stands. <see cref="string.GetHashCode()"/> would differ from one process to the next.</summary>
    private static double Place(string jobId) => BitConverter.ToUInt32(SHA256.HashData(Encoding.UTF8.GetBytes(jobId))) / (uint.MaxValue + 1.0);
}
