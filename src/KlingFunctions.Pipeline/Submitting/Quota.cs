using System.Globalization;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>
/// The two counting guards, exact over all hosts that share a store: submissions a day, and jobs in flight. Writes use optimistic
/// concurrency. Calls within one host are serialized, so only hosts compete.
/// </summary>
public sealed class Quota(IDocuments documents, TimeProvider time) : IDisposable
{
    private const string Days = "quota/days/";
    private const string InFlight = "quota/in-flight";
    private const int MostTries = 30;

    // A clock that runs years ahead may be corrected before the day is over.
    private const int DaysKept = 7;

    private static readonly Places Nobody = new([]);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly LastSeen _day = new(), _inFlight = new();

    /// <summary>Takes one of a day's submissions. Idempotent for the same key.</summary>
    /// <returns>False if the day's <paramref name="cap"/> is used up.</returns>
    public Task<bool> TryTakeDayAsync(string key, DateOnly day, int cap, CancellationToken cancellationToken) =>
        TryChangeAsync(_day, NameOf(day), places => places.Take(key, cap), cancellationToken, onFirst: () => RemoveOldDaysAsync(day, cancellationToken));

    /// <summary>Takes a day's submissions for several keys in one write, in their order, up to the <paramref name="cap"/>.</summary>
    public Task TakeDayAsync(IReadOnlyList<string> keys, DateOnly day, int cap, CancellationToken cancellationToken) => TryChangeAsync(
        _day, NameOf(day), places => keys.Aggregate(places, (taken, key) => taken.Take(key, cap) ?? taken), cancellationToken, onFirst: () => RemoveOldDaysAsync(day, cancellationToken));

    /// <summary>Takes a place among the jobs in flight, or joins the queue. Idempotent for the same job.</summary>
    /// <returns>False if all <paramref name="cap"/> places are taken: the job is notified when one is free.</returns>
    public async Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancellationToken) =>
        (await ChangeAsync(_inFlight, InFlight, places => places.AcquireSlot(jobId, cap), cancellationToken)).After!.Taken.Contains(jobId);

    /// <summary>Gives the place to the first in the queue. Idempotent.</summary>
    /// <param name="jobId">The job that leaves.</param>
    /// <param name="cap">The number of places; 0: unlimited.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Jobs to notify: those that got a place, or all holders if the job left before and notified nobody.</returns>
    public async Task<IReadOnlyList<string>> ReleaseSlotAsync(string jobId, int cap, CancellationToken cancellationToken)
    {
        var (before, after) = await ChangeAsync(_inFlight, InFlight, places => places.Free([jobId], Room(cap)), cancellationToken);
        return ReferenceEquals(before, after) ? before.Taken : [.. after!.Taken.Except(before.Taken)];
    }

    /// <summary>Frees a day's stale places.</summary>
    /// <returns>The number of places freed.</returns>
    public async Task<int> SweepDayAsync(DateOnly day, Func<string, Task<bool>> isStale, CancellationToken cancellationToken)
    {
        var stale = await StaleAsync(NameOf(day), isStale, cancellationToken);
        if (stale.Count > 0) await TryChangeAsync(_day, NameOf(day), places => places.Free(stale, 0), cancellationToken);
        return stale.Count;
    }

    /// <summary>Frees stale places in flight, and gives free places to the queue.</summary>
    /// <returns>The jobs that got a place.</returns>
    public async Task<IReadOnlyList<string>> SweepInFlightAsync(Func<string, Task<bool>> isStale, int cap, CancellationToken cancellationToken)
    {
        var stale = await StaleAsync(InFlight, isStale, cancellationToken);
        var (before, after) = await ChangeAsync(_inFlight, InFlight, places => places.Free(stale, Room(cap)), cancellationToken);
        return [.. after!.Taken.Except(before.Taken)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _day.Gate.Dispose();
        _inFlight.Gate.Dispose();
    }

    private static string NameOf(DateOnly day) => Days + day.ToString("O", CultureInfo.InvariantCulture);

    private static int Room(int cap) => cap == 0 ? int.MaxValue : cap;

    private async Task<IReadOnlyCollection<string>> StaleAsync(string name, Func<string, Task<bool>> isStale, CancellationToken cancellationToken)
    {
        var stale = new List<string>();
        foreach (var key in (await documents.ReadAsync(name, StoredJson.Default.Places, cancellationToken))?.Value.Taken ?? [])
        {
            if (await isStale(key)) stale.Add(key);
        }
        return stale;
    }

    private async Task<bool> TryChangeAsync(
        LastSeen seen, string name, Func<Places, Places?> change, CancellationToken cancellationToken, Func<Task>? onFirst = null) =>
        (await ChangeAsync(seen, name, change, cancellationToken, onFirst)).After is not null;

    /// <summary>Replaces a list with the result of <paramref name="change"/>.</summary>
    /// <param name="seen">The list as this host saw it last: a successful write proves it current, any other answer needs a read.</param>
    /// <param name="name">The name of the list's document.</param>
    /// <param name="change">Returns the new list; the same one for no change; null to refuse. Called again after a conflict.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="onFirst">Runs before the list is written for the first time.</param>
    /// <returns>The list before and after: the same one if nothing changed, null after a refusal.</returns>
    private async Task<(Places Before, Places? After)> ChangeAsync(
        LastSeen seen, string name, Func<Places, Places?> change, CancellationToken cancellationToken, Func<Task>? onFirst = null)
    {
        await seen.Gate.WaitAsync(cancellationToken);
        try
        {
            var pause = FirstPause;
            for (var tries = 1; ; tries++)
            {
                var isCurrent = seen.List is null || seen.Name != name;
                var there = isCurrent ? await documents.ReadAsync(name, StoredJson.Default.Places, cancellationToken) : seen.List;
                (seen.Name, seen.List) = (name, null);
                var before = there?.Value ?? Nobody;
                var changed = change(before);
                if (changed is null || ReferenceEquals(changed, before))
                {
                    if (isCurrent) return (before, changed);
                    continue;
                }
                if (there is null && onFirst is not null) await onFirst();
                if (await documents.TryWriteAsync(name, changed, StoredJson.Default.Places, there?.Version, cancellationToken) is { } version)
                {
                    seen.List = new(changed, version);
                    return (before, changed);
                }
                if (tries >= MostTries) throw new IOException($"Other hosts change '{name}' all the time, and it could not be written.");
                if (!isCurrent) continue;
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        finally
        {
            seen.Gate.Release();
        }
    }

    /// <summary>Yesterday's list stays: a call may have read the clock just before midnight.</summary>
    private async Task RemoveOldDaysAsync(DateOnly today, CancellationToken cancellationToken)
    {
        var names = await documents.ListAsync(Days, cancellationToken).ToListAsync(cancellationToken);
        foreach (var name in names.SkipLast(DaysKept).Where(name => string.CompareOrdinal(name, NameOf(today.AddDays(-1))) < 0))
            await documents.DeleteAsync(name, version: null, cancellationToken);
    }

    private sealed class LastSeen
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public string? Name { get; set; }

        public Versioned<Places>? List { get; set; }
    }
}
