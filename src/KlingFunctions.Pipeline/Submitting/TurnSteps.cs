using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>What asking for a place came to.</summary>
/// <param name="Granted">Whether there was one.</param>
/// <param name="Delay">If not, when to ask again.</param>
public sealed record Turn(bool Granted, TimeSpan Delay);

/// <summary>
/// Lets at most <c>Pipeline:MaxInFlight</c> jobs be on their way at one time, and at most <c>Pipeline:MaxJobsPerDay</c> uploads and calls
/// become jobs that cost money in a day.
/// </summary>
public sealed class TurnSteps(Quota quota, IOptions<PipelineOptions> options, TimeProvider time)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    // The cap may be raised in the middle of a day.
    private static readonly TimeSpan AskForTheDayAfterAtMost = TimeSpan.FromHours(1);

    /// <summary>Takes one of the day's jobs, if there is one.</summary>
    public async Task<Turn> TakeDayAsync(string jobId, CancellationToken cancel)
    {
        var cap = options.Value.MaxJobsPerDay;
        var now = time.GetUtcNow().UtcDateTime;
        var dayEnds = now.Date.AddDays(1) - now;
        return new(
            cap == 0 || await quota.TryTakeDayAsync(jobId, DateOnly.FromDateTime(now), cap, cancel),
            dayEnds < AskForTheDayAfterAtMost ? dayEnds : AskForTheDayAfterAtMost);
    }

    /// <summary>Takes a place, if there is one.</summary>
    public async Task<Turn> EnterAsync(string jobId, CancellationToken cancel)
    {
        var cap = options.Value.MaxInFlight;
        return new(cap == 0 || await quota.TryEnterAsync(jobId, cap, cancel), AskAgainAfter);
    }

    /// <summary>Gives the place back.</summary>
    public async Task<bool> LeaveAsync(string jobId, CancellationToken cancel)
    {
        await quota.LeaveAsync(jobId, cancel);
        return true;
    }
}
