using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Documents in memory.</summary>
public sealed class InMemoryDocuments : IDocuments
{
    private readonly ConcurrentDictionary<string, Document> _documents = [];

    /// <summary>Runs before each call, with its kind and the name: it may delay, or throw like a store that is unavailable.</summary>
    public Action<string, string>? Before { get; set; }

    public Task<Document?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        Before?.Invoke("read", name);
        return Task.FromResult(_documents.GetValueOrDefault(name));
    }

    public Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken)
    {
        Before?.Invoke("write", name);
        var next = new Document(text, $"{Guid.NewGuid():N}");
        var isWritten = version is null
            ? _documents.TryAdd(name, next)
            : _documents.TryGetValue(name, out var there) && there.Version == version && _documents.TryUpdate(name, next, there);
        return Task.FromResult(isWritten ? next.Version : null);
    }

    public Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken)
    {
        Before?.Invoke("delete", name);
        return Task.FromResult(
            _documents.TryGetValue(name, out var there) && (version is null || there.Version == version) && _documents.TryRemove(new(name, there)));
    }

    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        Before?.Invoke("list", prefix);
        return _documents.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToAsyncEnumerable();
    }
}
