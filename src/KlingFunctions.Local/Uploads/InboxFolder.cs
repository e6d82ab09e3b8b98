using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Uploads;

/// <summary>The folder <c>inbox</c> in the data directory: what the uploads container is on Azure.</summary>
internal sealed class InboxFolder(IOptions<LocalOptions> options) : IUploads
{
    // Links are not followed: they may lead out of the inbox, or in a circle.
    private static readonly EnumerationOptions NoLinks = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint,
        IgnoreInaccessible = true,
    };

    private readonly string _root = Path.GetFullPath(options.Value.Inbox);

    /// <summary>The folder itself.</summary>
    public string Root => _root;

    /// <inheritdoc/>
    public bool AreLookedAtAgain => true;

    /// <summary>Every file that may start something, oldest first.</summary>
    public IReadOnlyList<UploadedFile> Files()
    {
        Directory.CreateDirectory(_root);
        return [.. new DirectoryInfo(_root).EnumerateFiles("*", NoLinks)
            .Where(f => Upload.KindOf(f.Name) is UploadKind.Request or UploadKind.Image && f.Exists)
            .OrderBy(f => f.LastWriteTimeUtc)
            .Select(Described)];
    }

    /// <inheritdoc/>
    public Task<UploadedFile?> FindAsync(string path, CancellationToken cancel) =>
        Task.FromResult(PathOf(path) is { } full ? Described(new FileInfo(full)) : null);

    /// <inheritdoc/>
    public async Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel)
    {
        try
        {
            if (PathOf(path) is not { } full) return null;
            var file = Described(new FileInfo(full));
            await using var stream = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
            var bytes = new byte[Math.Min(stream.Length, atMost + 1)];
            var read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancel);
            return (file, bytes[..read]);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancel) =>
        Files().Where(f => Upload.FolderOf(f.Path) == folder).ToAsyncEnumerable();

    /// <summary>The full path of a file in the inbox; null if it is not there, or the path leads out, if only by a link.</summary>
    public string? PathOf(string path)
    {
        var full = Path.GetFullPath(Path.Combine(_root, path));
        if (!full.StartsWith(_root + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !File.Exists(full)) return null;
        for (var part = full; part.Length > _root.Length; part = Path.GetDirectoryName(part)!)
        {
            if (new FileInfo(part).LinkTarget is not null) return null;
        }
        return full;
    }

    /// <inheritdoc/>
    public async Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var full = Path.GetFullPath(Path.Combine(_root, path));
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        // Never over what is there: it may be a link, and then another file would be lost.
        File.Delete(full);
        await using var file = new FileStream(full, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        await file.WriteAsync(content, cancel);
    }

    private UploadedFile Described(FileInfo file) => new(
        Path.GetRelativePath(_root, file.FullName).Replace(Path.DirectorySeparatorChar, '/'),
        $"{file.LastWriteTimeUtc.Ticks:x}-{file.Length:x}",
        file.LastWriteTimeUtc);
}
