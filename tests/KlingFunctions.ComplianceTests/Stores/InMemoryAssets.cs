using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Images from <c>POST /api/assets</c>, in memory.</summary>
public sealed class InMemoryAssets(TimeProvider time) : IAssetStore, IAssetLinks
{
    private readonly ConcurrentDictionary<string, (ReadOnlyMemory<byte> Content, DateTimeOffset UsedAt)> _assets = [];

    public Task<bool> AddAsync(string sha256, string contentType, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var isNew = !_assets.ContainsKey(sha256);
        _assets[sha256] = (content.ToArray(), time.GetUtcNow());
        return Task.FromResult(isNew);
    }

    public Task TouchAsync(string sha256, CancellationToken cancellationToken)
    {
        if (_assets.TryGetValue(sha256, out var there)) _assets[sha256] = there with { UsedAt = time.GetUtcNow() };
        return Task.CompletedTask;
    }

    public Task<int> ForgetUnusedAsync(DateTimeOffset before, CancellationToken cancellationToken) =>
        Task.FromResult(_assets.Count(a => a.Value.UsedAt < before && _assets.TryRemove(a)));

    public Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken) => Task.FromResult(new AssetLink(null, "Nothing here can be fetched."));

    public Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult<Stream?>(_assets.TryGetValue(path, out var there) ? new MemoryStream(there.Content.ToArray()) : null);
}
