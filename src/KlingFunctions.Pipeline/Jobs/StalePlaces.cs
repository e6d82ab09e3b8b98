using System.Text.Json;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>
/// Frees stale places: those in flight whose job has ended or is unknown, and those of the day whose job has ended without a submission
/// that was or may be paid.
/// </summary>
public sealed class StalePlaces(
    Quota quota, HandOver handOver, IJobs jobs, ISubmissionLedger ledger, Retention retention, IOptions<PipelineOptions> options, TimeProvider time)
{
    // Each sweep reads all jobs of the day.
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

    /// <summary>
    /// Takes today's submissions for new jobs in one write, as far as there are any. Each job still takes its own later.
    /// </summary>
    public Task TakeTodayAsync(IReadOnlyList<string> jobIds, CancellationToken cancellationToken) => options.Value.MaxJobsPerDay is > 0 and var cap
        ? quota.TakeDayAsync(jobIds, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), cap, cancellationToken)
        : Task.CompletedTask;

    /// <summary>Frees today's stale places, and notifies jobs that still wait with a place: the notification was lost in a crash.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        var uncalled = new List<string>();
        await handOver.SweepAsync(
            async id =>
            {
                var (isReadable, job) = await ReadAsync(id, cancellationToken);
                if (job is { IsRunning: true, State.Status: JobStatus.Accepted }) uncalled.Add(id);
                return isReadable && job is null or { IsRunning: false };
            },
            cancellationToken);
        await handOver.CallAsync(uncalled, cancellationToken);
        await SweepDayAsync(DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), cancellationToken);
    }

    private Task<int> SweepDayAsync(DateOnly day, CancellationToken cancellationToken) => quota.SweepDayAsync(
        day,
        // A job whose deletion has begun may have lost its ledger entries already.
        async key => await ReadAsync(SubmissionKeys.JobIdOf(key), cancellationToken) is (true, { IsRunning: false } job)
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
            // The engine's listing reports the unreadable job, which may be running.
            return (false, null);
        }
    }
}
