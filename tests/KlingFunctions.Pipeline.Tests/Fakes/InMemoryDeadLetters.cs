using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Pipeline.Tests.Fakes;

internal sealed class InMemoryDeadLetters : IDeadLetters
{
    private readonly ConcurrentDictionary<string, DeadLetter> _letters = [];

    /// <summary>Nothing can be removed.</summary>
    public bool IsReadOnly { get; set; }

    public Task AddAsync(DeadLetter letter, CancellationToken cancel)
    {
        _letters[letter.NotificationId] = letter;
        return Task.CompletedTask;
    }

    public Task RemoveAsync(string notificationId, CancellationToken cancel)
    {
        if (IsReadOnly) throw new IOException("The store is read-only.");
        _letters.TryRemove(notificationId, out _);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<DeadLetter>> ListAsync(CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<DeadLetter>>([.. _letters.Values.OrderByDescending(l => l.At)]);
}
