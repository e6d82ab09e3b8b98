using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The answer to a request for a place.</summary>
/// <param name="Granted">Whether the place was granted.</param>
/// <param name="Delay">If not granted, the time until the next try.</param>
public sealed record Permit(bool Granted, TimeSpan Delay);

/// <summary>
/// Enforces the caps: <c>Pipeline:MaxInFlight</c> jobs submitted and not finished, and per day (UTC) <c>Pipeline:MaxJobsPerDay</c>
/// submissions and <c>Pipeline:MaxSpendPerDay</c> dollars. <see cref="SubmitStep"/> asks before it pays; the other steps let a job wait
/// where it blocks no other.
/// </summary>
internal sealed class PermitSteps(
    Quota quota, Spending spending, PriceList prices, ISubmissionLedger ledger, IOptions<PipelineOptions> options, TimeProvider time)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AskForThePriceAgainAfter = TimeSpan.FromMinutes(2);

    // The cap may be raised in the middle of a day.
    private static readonly TimeSpan AskForTheDayAfterAtMost = TimeSpan.FromHours(1);

    private static readonly JobError NoPlace = new(
        FaultCode.InFlightCapReached, "As many jobs as Pipeline:MaxInFlight allows are in flight: this one waits for a place.");

    private static readonly JobError NoDay = new(
        ProblemCode.DailyCapReached,
        "As many submissions as Pipeline:MaxJobsPerDay allows were made today: this one waits for a day with room (UTC), or for a higher cap.");

    private static readonly JobError NoMoney = new(
        FaultCode.SpendCapReached,
        "As much money as Pipeline:MaxSpendPerDay allows was spent today: this one waits for a day with room (UTC), or for a higher cap.");

    private static readonly JobError NoPrice = new(
        FaultCode.PriceUnknown,
        "Pipeline:MaxSpendPerDay is set, and RunComfy's price is not known: this one waits for it. RunComfy:PricePerSecond sets one.");

    /// <summary>The day (UTC) that a submission made now counts for.</summary>
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

    /// <summary>Takes one of the day's submissions for an upload. A key that is in the ledger does not count again.</summary>
    public async Task<Permit> TakeDayAsync(string key, CancellationToken cancellationToken) => new(
        options.Value.MaxJobsPerDay == 0 || await ledger.FindAsync(key, cancellationToken) is not null || await TryTakeDayAsync(key, cancellationToken),
        UntilNextDay);

    /// <summary>The guard of the paid POST: takes place, day and money, once for each key.</summary>
    /// <returns>The reason to wait, and how long; null if the submission may be made today.</returns>
    internal async Task<(JobError Cause, TimeSpan Delay)?> FindHindranceAsync(string jobId, string key, JsonElement input, CancellationToken cancellationToken)
    {
        if (await AcquireSlotAsync(jobId, cancellationToken) is { Granted: false } turn) return (NoPlace, turn.Delay);
        if (options.Value.MaxJobsPerDay > 0 && !await TryTakeDayAsync(key, cancellationToken)) return (NoDay, UntilNextDay);
        if (options.Value.MaxSpendPerDay == 0) return null;
        if ((await prices.OfAsync(input, cancellationToken)).Total is not { } price) return (NoPrice, AskForThePriceAgainAfter);
        return await spending.TryTakeAsync(key, price, Today, options.Value.MaxSpendPerDay, cancellationToken) ? null : (NoMoney, UntilNextDay);
    }

    /// <summary>Returns the price of a submission that RunComfy did not accept.</summary>
    internal Task GiveBackAsync(string key, CancellationToken cancellationToken) =>
        options.Value.MaxSpendPerDay == 0 ? Task.CompletedTask : spending.GiveBackAsync(key, Today, cancellationToken);

    /// <summary>Takes a place, if there is one. If not, the job joins the queue and is notified when a place is free.</summary>
    public async Task<Permit> AcquireSlotAsync(string jobId, CancellationToken cancellationToken)
    {
        var cap = options.Value.MaxInFlight;
        return new(cap == 0 || await quota.TryEnterAsync(jobId, cap, cancellationToken), AskAgainAfter);
    }

    private Task<bool> TryTakeDayAsync(string key, CancellationToken cancellationToken) =>
        quota.TryTakeDayAsync(key, Today, options.Value.MaxJobsPerDay, cancellationToken);
}
