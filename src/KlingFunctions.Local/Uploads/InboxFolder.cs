using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Uploads;

/// <summary>A file in the inbox.</summary>
/// <param name="Path">Its path below the inbox, with <c>/</c> between its parts.</param>
/// <param name="ETag">Its version: another one after each change.</param>
internal sealed record InboxFile(string Path, string ETag);

/// <summary>The folder <c>inbox</c> in the data directory: what the uploads container is on Azure.</summary>
internal sealed class InboxFolder(IOptions<LocalOptions> options) : IUploadReports
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

    /// <summary>Every file that may start something, oldest first.</summary>
    public IReadOnlyList<InboxFile> Files()
    {
        Directory.CreateDirectory(_root);
        return [.. new DirectoryInfo(_root).EnumerateFiles("*", NoLinks)
            .Select(file => (file, path: Path.GetRelativePath(_root, file.FullName).Replace(Path.DirectorySeparatorChar, '/')))
            .Where(f => Upload.KindOf(f.path) is UploadKind.Request or UploadKind.Image && f.file.Exists)
            .OrderBy(f => f.file.LastWriteTimeUtc)
            .Select(f => new InboxFile(f.path, $"{f.file.LastWriteTimeUtc.Ticks:x}-{f.file.Length:x}"))];
    }

    /// <summary>The bytes of a file; null if it is not there.</summary>
    public async Task<byte[]?> ReadAsync(string path, CancellationToken cancel)
    {
        try
        {
            return PathOf(path) is { } full ? await File.ReadAllBytesAsync(full, cancel) : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

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

    /// <inheritdoc />
    public async Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel)
    {
        var full = Path.GetFullPath(Path.Combine(_root, path));
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        // Never over what is there: it may be a link, and then another file would be lost.
        File.Delete(full);
        await using var file = new FileStream(full, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        await file.WriteAsync(content, cancel);
    }
}
