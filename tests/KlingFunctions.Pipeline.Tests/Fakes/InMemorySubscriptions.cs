using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Pipeline.Tests.Fakes;

internal sealed class InMemorySubscriptions : ISubscriptions
{
    private readonly ConcurrentDictionary<string, Subscription> _subscriptions = [];

    public Task AddAsync(Subscription subscription, CancellationToken cancel)
    {
        _subscriptions[subscription.Id] = subscription;
        return Task.CompletedTask;
    }

    public Task<bool> RemoveAsync(string id, CancellationToken cancel) => Task.FromResult(_subscriptions.TryRemove(id, out _));

    public Task<Subscription?> FindAsync(string id, CancellationToken cancel) => Task.FromResult(_subscriptions.GetValueOrDefault(id));

    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<Subscription>>([.. _subscriptions.Values.OrderBy(s => s.Id, StringComparer.Ordinal)]);
}
