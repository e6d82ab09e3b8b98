using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Stores;

/// <summary>The folder <c>assets</c> in the data directory: a file's name is its SHA-256, and its time is that of its last use.</summary>
internal sealed class AssetFolder(IOptions<LocalOptions> options, TimeProvider time) : IAssetStore
{
    private readonly string _root = Path.GetFullPath(Path.Combine(options.Value.DataDirectory, "assets"));

    /// <summary>The path of an image; null if it is missing.</summary>
    public string? PathOf(string sha256) => Path.Combine(_root, sha256) is var path && File.Exists(path) ? path : null;

    /// <inheritdoc/>
    public async Task<bool> AddAsync(string sha256, string contentType, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (PathOf(sha256) is not null)
        {
            await TouchAsync(sha256, cancellationToken);
            return false;
        }
        Directory.CreateDirectory(_root);
        var (path, written) = (Path.Combine(_root, sha256), Path.Combine(_root, $"{sha256}.{Guid.NewGuid():N}.tmp"));
        await using (var file = new FileStream(written, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous))
        {
            await file.WriteAsync(content, cancellationToken);
            file.Flush(flushToDisk: true);
        }
        File.Move(written, path, overwrite: true);
        FolderFlush.ToDisk(_root);
        await TouchAsync(sha256, cancellationToken);
        return true;
    }

    /// <inheritdoc/>
    public Task TouchAsync(string sha256, CancellationToken cancellationToken)
    {
        if (PathOf(sha256) is { } path) File.SetLastWriteTimeUtc(path, time.GetUtcNow().UtcDateTime);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<int> ForgetUnusedAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var forgotten = 0;
        foreach (var file in Directory.Exists(_root) ? new DirectoryInfo(_root).EnumerateFiles() : [])
        {
            if (file.LastWriteTimeUtc >= before.UtcDateTime) continue;
            file.Delete();
            forgotten++;
        }
        return Task.FromResult(forgotten);
    }
}
