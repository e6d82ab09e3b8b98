using System.Globalization;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>Those that have a place.</summary>
/// <param name="Jobs">The ids of jobs, or the keys of submissions.</param>
internal sealed record Places(IReadOnlyList<string> Jobs);

/// <summary>
/// The two spending guards, exact over all hosts that share a store: submissions a day, and jobs in flight at one time. A list is written only
/// if nobody has changed it since it was read. The callers of one host take turns: only hosts compete.
/// </summary>
public sealed class Quota(IDocuments documents, TimeProvider time) : IDisposable
{
    private const string Days = "quota/days/";
    private const string InFlight = "quota/in-flight";
    private const int MostTries = 30;

    // The clock may be years ahead, and be set right before the day is over.
    private const int DaysKept = 7;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly LastSeen _day = new(), _inFlight = new();

    /// <summary>Takes one of a day's submissions. A repeat for the same key takes no second one.</summary>
    /// <returns>False if the day's <paramref name="cap"/> is used up.</returns>
    public Task<bool> TryTakeDayAsync(string key, DateOnly day, int cap, CancellationToken cancellationToken) =>
        ChangeAsync(_day, NameOf(day), Take(key, cap), cancellationToken, onFirst: () => RemoveOldDaysAsync(day, cancellationToken));

    /// <summary>Takes a place among the jobs in flight. A repeat for a job that has one keeps it.</summary>
    /// <returns>False if all <paramref name="cap"/> places are taken.</returns>
    public Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancellationToken) =>
        ChangeAsync(_inFlight, InFlight, Take(jobId, cap), cancellationToken);

    /// <summary>Gives the place back. A repeat is harmless.</summary>
    public Task LeaveAsync(string jobId, CancellationToken cancellationToken) => ChangeAsync(_inFlight, InFlight, Remove([jobId]), cancellationToken);

    /// <summary>Frees those of a day's places that are stale; how many.</summary>
    public Task<int> SweepDayAsync(DateOnly day, Func<string, Task<bool>> isStale, CancellationToken cancellationToken) =>
        SweepAsync(_day, NameOf(day), isStale, cancellationToken);

    /// <summary>Frees those places in flight that are stale; how many.</summary>
    public Task<int> SweepInFlightAsync(Func<string, Task<bool>> isStale, CancellationToken cancellationToken) =>
        SweepAsync(_inFlight, InFlight, isStale, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _day.Turn.Dispose();
        _inFlight.Turn.Dispose();
    }

    private static string NameOf(DateOnly day) => Days + day.ToString("O", CultureInfo.InvariantCulture);

    private static Func<IReadOnlyList<string>, IReadOnlyList<string>?> Take(string key, int cap) =>
        keys => keys.Contains(key) ? keys : keys.Count < cap ? [.. keys, key] : null;

    private static Func<IReadOnlyList<string>, IReadOnlyList<string>> Remove(IReadOnlyCollection<string> gone) =>
        keys => keys.Any(gone.Contains) ? [.. keys.Except(gone)] : keys;

    private async Task<int> SweepAsync(LastSeen seen, string name, Func<string, Task<bool>> isStale, CancellationToken cancellationToken)
    {
        var stale = new List<string>();
        foreach (var key in (await documents.ReadAsync(name, StoredJson.Default.Places, cancellationToken))?.Value.Jobs ?? [])
        {
            if (await isStale(key)) stale.Add(key);
        }
        if (stale.Count > 0) await ChangeAsync(seen, name, Remove(stale), cancellationToken);
        return stale.Count;
    }

    /// <summary>Replaces a list with the one that <paramref name="change"/> makes of it.</summary>
    /// <param name="seen">The list as this host saw it last: a write proves that it is current, any other answer needs a read.</param>
    /// <param name="name">Where the list is kept.</param>
    /// <param name="change">The new list; the same one if nothing is to change; null to refuse. Asked again if another host was faster.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="onFirst">Run before the list is written for the first time.</param>
    /// <returns>False if it refused.</returns>
    private async Task<bool> ChangeAsync(
        LastSeen seen, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>?> change, CancellationToken cancellationToken, Func<Task>? onFirst = null)
    {
        await seen.Turn.WaitAsync(cancellationToken);
        try
        {
            var pause = FirstPause;
            for (var tries = 1; ; tries++)
            {
                var isCurrent = seen.List is null || seen.Name != name;
                var there = isCurrent ? await documents.ReadAsync(name, StoredJson.Default.Places, cancellationToken) : seen.List;
                (seen.Name, seen.List) = (name, null);
                var keys = there?.Value.Jobs ?? [];
                var changed = change(keys);
                if (changed is null || ReferenceEquals(changed, keys))
                {
                    if (isCurrent) return changed is not null;
                    continue;
                }
                if (there is null && onFirst is not null) await onFirst();
                if (await documents.TryWriteAsync(name, new(changed), StoredJson.Default.Places, there?.Version, cancellationToken) is { } version)
                {
                    seen.List = new(new(changed), version);
                    return true;
                }
                if (tries >= MostTries) throw new IOException($"Other hosts change '{name}' all the time, and it could not be written.");
                if (!isCurrent) continue;
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        finally
        {
            seen.Turn.Release();
        }
    }

    /// <summary>Yesterday's list stays: a call may have looked at the clock just before midnight.</summary>
    private async Task RemoveOldDaysAsync(DateOnly today, CancellationToken cancellationToken)
    {
        var names = await documents.ListAsync(Days, cancellationToken).ToListAsync(cancellationToken);
        foreach (var name in names.SkipLast(DaysKept).Where(name => string.CompareOrdinal(name, NameOf(today.AddDays(-1))) < 0))
            await documents.DeleteAsync(name, version: null, cancellationToken);
    }

    private sealed class LastSeen
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public string? Name { get; set; }

        public Versioned<Places>? List { get; set; }
    }
}
