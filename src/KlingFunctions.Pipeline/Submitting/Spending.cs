using System.Globalization;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The cost of a day's submissions.</summary>
/// <param name="Submissions">The price of each by its ledger key, in US dollars.</param>
internal sealed record SpentDay(IReadOnlyDictionary<string, decimal> Submissions);

/// <summary>
/// Money spent on submissions in a day (UTC), exact over all hosts that share a store: writes use optimistic concurrency.
/// </summary>
internal sealed class Spending(IDocuments documents, TimeProvider time)
{
    private const string Days = "quota/spent/";
    private const int MostTries = 30;
    private const int DaysKept = 7;

    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Adds the price of a submission. Idempotent for the same key.</summary>
    /// <returns>False if the day would then cost more than <paramref name="cap"/>.</returns>
    public Task<bool> TryTakeAsync(string key, decimal price, DateOnly day, decimal cap, CancellationToken cancellationToken) => ChangeAsync(
        day,
        spent => spent.ContainsKey(key) ? spent
            : spent.Values.Sum() + price > cap ? null
            : new Dictionary<string, decimal>(spent) { [key] = price },
        cancellationToken);

    /// <summary>Removes the price of a submission that was not accepted. Idempotent.</summary>
    public Task GiveBackAsync(string key, DateOnly day, CancellationToken cancellationToken) => ChangeAsync(
        day, spent => spent.ContainsKey(key) ? spent.Where(s => s.Key != key).ToDictionary() : spent, cancellationToken);

    private async Task<bool> ChangeAsync(
        DateOnly day, Func<IReadOnlyDictionary<string, decimal>, IReadOnlyDictionary<string, decimal>?> change, CancellationToken cancellationToken)
    {
        var name = Days + day.ToString("O", CultureInfo.InvariantCulture);
        for (var tries = 1; ; tries++)
        {
            var there = await documents.ReadAsync(name, StoredJson.Default.SpentDay, cancellationToken);
            var spent = there?.Value.Submissions ?? new Dictionary<string, decimal>();
            var changed = change(spent);
            if (changed is null || ReferenceEquals(changed, spent)) return changed is not null;
            if (there is null) await RemoveOldDaysAsync(name, cancellationToken);
            if (await documents.TryWriteAsync(name, new SpentDay(changed), StoredJson.Default.SpentDay, there?.Version, cancellationToken) is not null) return true;
            if (tries >= MostTries) throw new IOException($"Other hosts change '{name}' all the time, and it could not be written.");
            await Task.Delay(LongestPause * Random.Shared.NextDouble(), time, cancellationToken);
        }
    }

    private async Task RemoveOldDaysAsync(string today, CancellationToken cancellationToken)
    {
        var names = await documents.ListAsync(Days, cancellationToken).ToListAsync(cancellationToken);
        foreach (var name in names.SkipLast(DaysKept).Where(name => name != today)) await documents.DeleteAsync(name, version: null, cancellationToken);
    }
}
