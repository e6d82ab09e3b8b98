using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Local.Stores;

/// <summary>
/// Videos in a folder: <c>{job}/{name}.mp4</c>, and beside each <c>{name}.json</c>, which says what it is. The file that says so is written
/// last and in one step, and what it does not vouch for is not found: whenever the process dies, a video is there whole or not at all. One
/// process writes to a folder at a time; Local's journal sees to that.
/// </summary>
/// <param name="folder">The folder; made when the first video comes.</param>
/// <param name="time">Dates what is stored.</param>
public sealed partial class FolderVideoStore(string folder, TimeProvider time) : IVideoStore
{
    private readonly string _folder = Path.GetFullPath(folder);

    /// <summary>
    /// Held while parts get their final names, and while stale ones are looked for: between being closed and being renamed, a part looks
    /// stale.
    /// </summary>
    private readonly Lock _naming = new();

    /// <inheritdoc/>
    public Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return Task.FromResult(Read(JobFolder(jobId), name)?.File);
    }

    /// <inheritdoc/>
    public Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var job = JobFolder(jobId);
        var record = Read(job, name);
        return Task.FromResult(record is null ? null : new VideoLocation(record.File, null, PathOf(job, record.File), record.StoredAt));
    }

    /// <inheritdoc/>
    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var job = JobFolder(jobId);
        CheckName(name);
        lock (_naming)
        {
            Directory.CreateDirectory(job);
            RemoveStaleParts(job, name);
            return Task.FromResult<VideoSink>(new FolderSink(this, job, name));
        }
    }

    private string JobFolder(string jobId)
    {
        CheckName(jobId);
        return Path.Combine(_folder, jobId);
    }

    private static void CheckName(string name)
    {
        if (name.Length is 0 or > 128 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            throw new ArgumentException("The name of a job or of a file is 1 to 128 of the characters A-Z, a-z, 0-9, _ and -.", nameof(name));
    }

    private static string PathOf(string job, StoredFile file) => Path.Combine(job, file.Name + MediaFormat.ExtensionOf(file.ContentType));

    private static string RecordPath(string job, string name) => Path.Combine(job, name + ".json");

    private static StoredRecord? Read(string job, string name)
    {
        CheckName(name);
        try
        {
            var record = JsonSerializer.Deserialize(File.ReadAllBytes(RecordPath(job, name)), RecordJson.Default.StoredRecord);
            return record is not null && new FileInfo(PathOf(job, record.File)).Length == record.File.SizeBytes ? record : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// A part that nobody holds open was left by a process that died: whoever writes one has locked it, and a lock dies with its process.
    /// </summary>
    private static void RemoveStaleParts(string job, string name)
    {
        foreach (var part in Directory.EnumerateFiles(job, name + ".*.part"))
        {
            try
            {
                new FileStream(part, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
            }
            catch (IOException)
            {
                // being written
            }
        }
    }

    private StoredFile Commit(string job, FileStream video, StoredFile file)
    {
        lock (_naming)
        {
            if (Read(job, file.Name) is { } first)
                return first.File;

            video.Dispose();
            var recordPart = video.Name + ".json.part";
            using (var stream = new FileStream(recordPart, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                JsonSerializer.Serialize(stream, new StoredRecord(file, time.GetUtcNow()), RecordJson.Default.StoredRecord);
                stream.Flush(flushToDisk: true);
            }

            // A video without its record is left from a process that died between these two lines: replacing it is right. So is replacing a
            // record whose video is gone.
            File.Move(video.Name, PathOf(job, file), overwrite: true);
            File.Move(recordPart, RecordPath(job, file.Name), overwrite: true);
            return file;
        }
    }

    private sealed class FolderSink : VideoSink
    {
        private readonly FolderVideoStore _store;
        private readonly string _job;
        private readonly string _name;
        private readonly FileStream _stream;

        public FolderSink(FolderVideoStore store, string job, string name)
        {
            (_store, _job, _name) = (store, job, name);
            // No buffer: pieces come large enough.
            var part = Path.Combine(job, $"{name}.{Guid.NewGuid():n}.part");
            _stream = new FileStream(part, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        }

        public override Stream Stream => _stream;

        public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct)
        {
            ct.ThrowIfCancellationRequested();
            if (file.Name != _name || file.SizeBytes != _stream.Length)
                throw new ArgumentException("The file is not the one that was written.", nameof(file));
            await Task.Run(() => _stream.Flush(flushToDisk: true), ct);
            return _store.Commit(_job, _stream, file);
        }

        public override async ValueTask DisposeAsync()
        {
            await _stream.DisposeAsync();
            File.Delete(_stream.Name); // gone already after a commit that won
        }
    }

    internal sealed record StoredRecord(StoredFile File, DateTimeOffset StoredAt);

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(StoredRecord))]
    internal sealed partial class RecordJson : JsonSerializerContext;
}
