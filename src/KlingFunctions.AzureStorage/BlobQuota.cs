using System.Globalization;
using Azure.Storage.Blobs;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// The spending guards as one blob for each day and one for the jobs in flight. Whoever changes one writes it only if nobody has changed it
/// since he read it, so the caps are exact over all hosts. The callers of one host take turns: only hosts compete.
/// </summary>
internal sealed class BlobQuota(BlobServiceClient account, TimeProvider time) : IQuota, IDisposable
{
    private const string Days = "days/";
    private const int MostTries = 30;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly BlobContainerClient _container = account.GetBlobContainerClient(Containers.Quota);
    private readonly SemaphoreSlim _dayTurn = new(1), _flightTurn = new(1);

    public Task<bool> TryTakeDayAsync(string jobId, DateOnly day, int cap, CancellationToken cancel) =>
        ChangeAsync(_dayTurn, NameOf(day), Take(jobId, cap), cancel, onFirst: () => RemoveBeforeAsync(day.AddDays(-1), cancel));

    public Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancel) => ChangeAsync(_flightTurn, "in-flight", Take(jobId, cap), cancel);

    public Task LeaveAsync(string jobId, CancellationToken cancel) =>
        ChangeAsync(_flightTurn, "in-flight", jobs => jobs.Contains(jobId) ? [.. jobs.Where(j => j != jobId)] : jobs, cancel);

    public void Dispose()
    {
        _dayTurn.Dispose();
        _flightTurn.Dispose();
    }

    private static Func<IReadOnlyList<string>, IReadOnlyList<string>?> Take(string jobId, int cap) =>
        jobs => jobs.Contains(jobId) ? jobs : jobs.Count < cap ? [.. jobs, jobId] : null;

    private static string NameOf(DateOnly day) => Days + day.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>Puts what <paramref name="change"/> makes of a list of jobs in its place.</summary>
    /// <param name="turn">Of this host one changes the list at a time.</param>
    /// <param name="name">Where the list is kept.</param>
    /// <param name="change">The new list; the old one where all is well as it is; null to refuse. Asked again when another host was faster.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <param name="onFirst">Run before the list is written for the first time.</param>
    /// <returns>False if it refused.</returns>
    private async Task<bool> ChangeAsync(
        SemaphoreSlim turn, string name, Func<IReadOnlyList<string>, IReadOnlyList<string>?> change, CancellationToken cancel, Func<Task>? onFirst = null)
    {
        var blob = new JsonBlob<Places>(_container.GetBlobClient(name), StoredJson.Default.Places);
        await turn.WaitAsync(cancel);
        try
        {
            var pause = FirstPause;
            for (var tries = 1; ; tries++)
            {
                var there = await blob.ReadAsync(cancel);
                var jobs = there?.Value.Jobs ?? [];
                var changed = change(jobs);
                if (changed is null) return false;
                if (ReferenceEquals(changed, jobs)) return true;
                if (there is null && onFirst is not null) await onFirst();
                if (await blob.TryWriteAsync(new(changed), there?.ETag, cancel)) return true;
                if (tries == MostTries) throw new IOException($"Other hosts change the quota '{name}' all the time, and it could not be written.");
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, cancel);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Yesterday's list stays: a call may have looked at the clock just before midnight.</summary>
    private async Task RemoveBeforeAsync(DateOnly day, CancellationToken cancel)
    {
        await foreach (var blob in _container.GetBlobsAsync(new() { Prefix = Days }, cancel))
        {
            if (string.CompareOrdinal(blob.Name, NameOf(day)) < 0) await _container.DeleteBlobIfExistsAsync(blob.Name, cancellationToken: cancel);
        }
    }
}
