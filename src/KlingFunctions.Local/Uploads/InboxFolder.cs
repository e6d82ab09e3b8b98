using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Uploads;

/// <summary>The content of the inbox.</summary>
/// <param name="Files">All files except those of the system, oldest first.</param>
/// <param name="Unreadable">Paths of files and folders that are listed but can't be opened, each with the reason.</param>
internal sealed record InboxContent(IReadOnlyList<UploadedFile> Files, IReadOnlyDictionary<string, string> Unreadable);

/// <summary>The folder <c>inbox</c> in the data directory, Local's counterpart of the uploads container on Azure.</summary>
internal sealed class InboxFolder(IOptions<LocalOptions> options) : IUploads
{
    private const string NotUtf8 = "The name is not valid UTF-8, and can't be opened: rename it.";

    // Links are not followed: they may lead out of the inbox or form a loop.
    private static readonly EnumerationOptions NoLinks = new()
    {
        AttributesToSkip = FileAttributes.ReparsePoint | (OperatingSystem.IsWindows() ? FileAttributes.Hidden | FileAttributes.System : 0),
        IgnoreInaccessible = false,
    };

    private readonly string _root = Path.GetFullPath(options.Value.Inbox);

    /// <summary>The folder itself.</summary>
    public string Root => _root;

    // Inside the inbox, so that it is backed up, mounted and unmounted with the uploads.
    private string Hidden => Path.Combine(_root, ".kling");

    private string Records => Path.Combine(Hidden, "taken");

    /// <summary>Reads the content; null if the inbox is missing, which is not the same as empty.</summary>
    public InboxContent? Scan()
    {
        if (!Directory.Exists(_root)) return null;
        var (files, unreadable) = (new List<UploadedFile>(), new Dictionary<string, string>(StringComparer.Ordinal));
        var folders = new Stack<DirectoryInfo>([new DirectoryInfo(_root)]);
        while (folders.TryPop(out var folder))
        {
            try
            {
                foreach (var entry in folder.EnumerateFileSystemInfos("*", NoLinks))
                {
                    if (Upload.IsHidden(entry.Name)) continue;
                    if (entry is DirectoryInfo below) folders.Push(below);
                    else if (entry.Exists) files.Add(Described((FileInfo)entry));
                    else if (IsNotUtf8(entry)) unreadable[PathTo(entry)] = NotUtf8;
                }
            }
            catch (Exception e) when (folder.FullName != _root && e is IOException or UnauthorizedAccessException)
            {
                if (IsNotUtf8(folder)) unreadable[PathTo(folder)] = NotUtf8;
                else if (e is not DirectoryNotFoundException) unreadable[PathTo(folder)] = e.Message;
            }
        }
        return new([.. files.OrderBy(f => f.ModifiedAt)], unreadable);
    }

    /// <inheritdoc/>
    public Task<UploadedFile?> FindAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult(PathOf(path) is { } full ? Described(new FileInfo(full)) : null);

    /// <inheritdoc/>
    public async Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancellationToken)
    {
        if (await OpenAsync(path, cancellationToken) is not { } file) return null;
        await using var content = file.Content;
        var bytes = new byte[Math.Min(content.Length, atMost + 1)];
        var read = await content.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return (file.File, bytes[..read]);
    }

    /// <inheritdoc/>
    public Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            if (PathOf(path) is not { } full) return Task.FromResult<(UploadedFile, Stream)?>(null);
            var file = Described(new FileInfo(full));
            return Task.FromResult<(UploadedFile, Stream)?>(
                (file, new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<(UploadedFile, Stream)?>(null);
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancellationToken)
    {
        var directory = new DirectoryInfo(Path.Combine(_root, folder));
        return directory.Exists
            ? directory.EnumerateFiles("*", NoLinks).Where(f => f.Exists && !Upload.IsHidden(f.Name)).Select(Described).ToAsyncEnumerable()
            : AsyncEnumerable.Empty<UploadedFile>();
    }

    /// <summary>
    /// The full path of a file in the inbox; null if it is missing, or if the path leads outside, directly or through a link.
    /// </summary>
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
    public async Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var full = Path.GetFullPath(Path.Combine(_root, path));
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        // Never overwrites: the target may be a link to another file.
        File.Delete(full);
        await using var file = new FileStream(full, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        await file.WriteAsync(content, cancellationToken);
    }

    /// <inheritdoc/>
    public Task DeleteReportAsync(string path, CancellationToken cancellationToken)
    {
        if (PathOf(path) is { } full) File.Delete(full);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<bool> IsAcceptedAsync(string id, CancellationToken cancellationToken) => Task.FromResult(File.Exists(RecordOf(id)));

    /// <inheritdoc/>
    public async Task<bool> TryRecordAsync(AcceptedUpload upload, CancellationToken cancellationToken)
    {
        var record = RecordOf(upload.Id);
        if (File.Exists(record)) return true;
        // An unmounted mount point is an empty folder. A record written there would be hidden when the mount returns.
        if (!Directory.Exists(Records) && PathOf(upload.Upload) is null) return false;
        if (new[] { Hidden, Records }.Any(folder => new DirectoryInfo(folder).LinkTarget is not null))
            throw new IOException($"{Records} is a link: records are only written into the inbox. Delete the link.");
        Directory.CreateDirectory(Records);
        var written = $"{record}.{Guid.NewGuid():N}.tmp";
        await File.WriteAllBytesAsync(written, JsonSerializer.SerializeToUtf8Bytes(upload, PipelineJson.Default.AcceptedUpload), cancellationToken);
        File.Move(written, record, overwrite: true);
        return true;
    }

    /// <summary>The files that have a job already, with the version that was read. Unchanged files are not read again.</summary>
    public IEnumerable<(string Path, string ETag)> AcceptedFiles()
    {
        if (!Directory.Exists(Records)) yield break;
        foreach (var record in Directory.EnumerateFiles(Records, "*.json"))
        {
            AcceptedUpload? upload;
            try
            {
                upload = JsonSerializer.Deserialize(File.ReadAllBytes(record), PipelineJson.Default.AcceptedUpload);
            }
            catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
            {
                // Without a readable record the file itself is read again, and its job is found by its id.
                continue;
            }
            if (upload is not null) yield return (upload.Upload, upload.ETag);
        }
    }

    private string RecordOf(string id) => Path.Combine(Records, $"{id}.json");

    private string PathTo(FileSystemInfo entry) => Path.GetRelativePath(_root, entry.FullName).Replace(Path.DirectorySeparatorChar, '/');

    // .NET shows undecodable bytes as this character, and can't open a file with such a name.
    private static bool IsNotUtf8(FileSystemInfo entry) => entry.FullName.Contains('\uFFFD', StringComparison.Ordinal);

    private UploadedFile Described(FileInfo file) =>
        new(PathTo(file), $"{file.LastWriteTimeUtc.Ticks:x}-{file.Length:x}", file.LastWriteTimeUtc);
}
