using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Pipeline.Tests.Fakes;

internal sealed class InMemoryLedger : ISubmissionLedger
{
    private readonly ConcurrentDictionary<string, Submission> _entries = [];

    /// <summary>Whether an intent without an id may belong to a run that is still in the POST.</summary>
    public Func<string, bool> MayBeUnderWay { get; set; } = _ => false;

    public bool FailsToRecord { get; set; }

    public bool FailsToWithdraw { get; set; }

    public IReadOnlyDictionary<string, Submission> Entries => _entries;

    public Task<Submission?> FindAsync(string key, CancellationToken cancellationToken) => Task.FromResult(
        _entries.TryGetValue(key, out var entry) ? entry with { MayBeUnderWay = entry.RequestId is null && MayBeUnderWay(key) } : null);

    public Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult(_entries.TryAdd(key, new(key, now, null, null, false)));

    public Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (FailsToRecord) throw new IOException("The ledger could not be written.");
        _entries.AddOrUpdate(
            key, _ => new(key, now, requestId, now, false), (_, there) => there with { RequestId = requestId, SubmittedAt = now });
        return Task.CompletedTask;
    }

    public Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken)
    {
        if (FailsToWithdraw) throw new IOException("The ledger could not be written.");
        if (_entries.TryGetValue(key, out var entry) && entry.RequestId is null && entry.IntendedAt == intendedAt) _entries.TryRemove(key, out _);
        return Task.CompletedTask;
    }

    public Task ForgetAsync(string jobId, CancellationToken cancellationToken)
    {
        foreach (var key in _entries.Keys.Where(k => k.StartsWith(jobId, StringComparison.Ordinal))) _entries.TryRemove(key, out _);
        return Task.CompletedTask;
    }
}
