using System.Text.Json;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>
/// Frees places that nothing holds any more: those in flight whose job has ended or is unknown, and those of the day whose job has ended without
/// a submission that was or may be paid.
/// </summary>
public sealed class StalePlaces(Quota quota, IJobs jobs, ISubmissionLedger ledger, Retention retention, IOptions<PipelineOptions> options, TimeProvider time)
{
    // Each look reads all jobs of the day.
    private static readonly TimeSpan AfterAVainLook = TimeSpan.FromMinutes(1);

    private DateTimeOffset _lookAgainAt;

    /// <summary>Takes one of today's submissions for a new job, after a sweep if the day seems full.</summary>
    public async Task<bool> TryTakeTodayAsync(string jobId, CancellationToken cancellationToken)
    {
        var (now, cap) = (time.GetUtcNow(), options.Value.MaxJobsPerDay);
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        if (cap == 0 || await quota.TryTakeDayAsync(jobId, today, cap, cancellationToken)) return true;
        if (now < _lookAgainAt) return false;
        if (await SweepDayAsync(today, cancellationToken) > 0) return await quota.TryTakeDayAsync(jobId, today, cap, cancellationToken);
        _lookAgainAt = now + AfterAVainLook;
        return false;
    }

    /// <summary>Frees what is stale today.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await quota.SweepInFlightAsync(async id => await ReadAsync(id, cancellationToken) is (true, null or { IsRunning: false }), cancellationToken);
        await SweepDayAsync(DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), cancellationToken);
    }

    private Task<int> SweepDayAsync(DateOnly day, CancellationToken cancellationToken) => quota.SweepDayAsync(
        day,
        // A job that is about to be forgotten may have lost its ledger entries already.
        async key => await ReadAsync(key.Split('.', '~')[0], cancellationToken) is (true, { IsRunning: false } job)
            && !retention.IsOver(job) && await ledger.FindAsync(key, cancellationToken) is null,
        cancellationToken);

    private async Task<(bool IsReadable, JobSnapshot? Job)> ReadAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await jobs.GetAsync(id, cancellationToken));
        }
        catch (JsonException)
        {
            // The engine's listing reports it. It may be running.
            return (false, null);
        }
    }
}
