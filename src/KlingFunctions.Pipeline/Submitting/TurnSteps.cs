using KlingFunctions.Pipeline.Errors;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>What asking for a place came to.</summary>
/// <param name="Granted">Whether there was one.</param>
/// <param name="Delay">If not, when to ask again.</param>
public sealed record Turn(bool Granted, TimeSpan Delay);

/// <summary>
/// Lets at most <c>Pipeline:MaxInFlight</c> jobs be submitted and not finished at one time, and at most <c>Pipeline:MaxJobsPerDay</c>
/// submissions be paid in a day (UTC). <see cref="SubmitStep"/> asks before it pays; the other steps let jobs wait where they hold nothing up.
/// </summary>
public sealed class TurnSteps(Quota quota, ISubmissionLedger ledger, IOptions<PipelineOptions> options, TimeProvider time)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    // The cap may be raised in the middle of a day.
    private static readonly TimeSpan AskForTheDayAfterAtMost = TimeSpan.FromHours(1);

    private static readonly JobError NoPlace = new(
        FaultCode.InFlightCapReached, "As many jobs as Pipeline:MaxInFlight allows are in flight: this one waits for a place.");

    private static readonly JobError NoDay = new(
        ProblemCode.DailyCapReached,
        "As many submissions as Pipeline:MaxJobsPerDay allows were made today: this one waits for a day with room (UTC), or for a higher cap.");

    /// <summary>The day (UTC) for which a submission counts that is made now.</summary>
    internal DateOnly Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    private TimeSpan UntilNextDay
    {
        get
        {
            var now = time.GetUtcNow().UtcDateTime;
            var dayEnds = now.Date.AddDays(1) - now;
            return dayEnds < AskForTheDayAfterAtMost ? dayEnds : AskForTheDayAfterAtMost;
        }
    }

    /// <summary>Lets an upload wait for a day with room. A key that is in the ledger does not count again.</summary>
    public async Task<Turn> TakeDayAsync(string key, CancellationToken cancellationToken) => new(
        options.Value.MaxJobsPerDay == 0 || await ledger.FindAsync(key, cancellationToken) is not null || await TryTakeDayAsync(key, cancellationToken),
        UntilNextDay);

    /// <summary>The guard of the paid POST: takes all that a submission needs, once for each key.</summary>
    /// <returns>What the submission has to wait for, and how long; null if it may be made today.</returns>
    internal async Task<(JobError Cause, TimeSpan Delay)?> FindHindranceAsync(string jobId, string key, CancellationToken cancellationToken)
    {
        if (await EnterAsync(jobId, cancellationToken) is { Granted: false } turn) return (NoPlace, turn.Delay);
        return options.Value.MaxJobsPerDay == 0 || await TryTakeDayAsync(key, cancellationToken) ? null : (NoDay, UntilNextDay);
    }

    /// <summary>Takes a place, if there is one.</summary>
    public async Task<Turn> EnterAsync(string jobId, CancellationToken cancellationToken)
    {
        var cap = options.Value.MaxInFlight;
        return new(cap == 0 || await quota.TryEnterAsync(jobId, cap, cancellationToken), AskAgainAfter);
    }

    /// <summary>Gives the place back.</summary>
    public async Task<bool> LeaveAsync(string jobId, CancellationToken cancellationToken)
    {
        await quota.LeaveAsync(jobId, cancellationToken);
        return true;
    }

    private Task<bool> TryTakeDayAsync(string key, CancellationToken cancellationToken) =>
        quota.TryTakeDayAsync(key, Today, options.Value.MaxJobsPerDay, cancellationToken);
}
