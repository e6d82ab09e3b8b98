using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Local.Stores;

/// <summary>
/// Videos in a folder: <c>{job}/{name}.mp4</c>, each beside its record <c>{name}.json</c>. The record is written last and in one step, and
/// a video without a record is ignored: so a video is complete or absent, whenever the process dies. One process writes to a folder at a
/// time, which the lock of Local's journal ensures.
/// </summary>
public sealed partial class FolderVideoStore : IVideoStore
{
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly Action<string> _flush;

    /// <summary>
    /// Held while parts get their final names, and while stale parts are deleted: between its close and its rename, a part looks stale.
    /// </summary>
    private readonly Lock _naming = new();

    /// <summary>Creates a store.</summary>
    /// <param name="folder">The folder, which is created for the first video.</param>
    /// <param name="time">The clock for the times in records.</param>
    public FolderVideoStore(string folder, TimeProvider time)
        : this(folder, time, FolderFlush.ToDisk)
    {
    }

    // The flush of a folder is replaceable for tests.
    internal FolderVideoStore(string folder, TimeProvider time, Action<string> flush) =>
        (_folder, _time, _flush) = (Path.GetFullPath(folder), time, flush);

    /// <inheritdoc/>
    public Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(Read(JobFolder(jobId), name)?.File);
    }

    /// <inheritdoc/>
    public Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = JobFolder(jobId);
        var record = Read(job, name);
        return Task.FromResult(record is null ? null : new VideoLocation(record.File, null, PathOf(job, record.File), record.StoredAt));
    }

    /// <inheritdoc/>
    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = JobFolder(jobId);
        CheckName(name);
        lock (_naming)
        {
            Directory.CreateDirectory(job);
            DeleteStaleParts(job, name);
            return Task.FromResult<VideoSink>(new FolderSink(this, job, name));
        }
    }

    /// <inheritdoc/>
    public Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = JobFolder(jobId);
        CheckName(name);
        lock (_naming) return Task.FromResult<VideoSink?>(FolderSink.Continue(this, job, name));
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

    /// <summary>The path of a suspended transfer's bytes.</summary>
    private static string SuspendedPath(string job, string name) => Path.Combine(job, name + ".left");

    /// <summary>The path of its checkpoint.</summary>
    private static string CheckpointPath(string job, string name) => SuspendedPath(job, name) + ".json";

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
    /// Deletes parts that no process holds open. A writer locks its part, and the lock ends with its process, so an unlocked part is stale.
    /// </summary>
    private static void DeleteStaleParts(string job, string name)
    {
        foreach (var part in Directory.EnumerateFiles(job, name + ".*.part"))
        {
            try
            {
                new FileStream(part, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
            }
            catch (IOException)
            {
                // Another writer has it open.
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
                JsonSerializer.Serialize(stream, new StoredRecord(file, _time.GetUtcNow()), RecordJson.Default.StoredRecord);
                stream.Flush(flushToDisk: true);
            }

            // Replaces a video without its record, which a process left that died between these two lines, and a record whose video is
            // gone.
            File.Move(video.Name, PathOf(job, file), overwrite: true);
            File.Move(recordPart, RecordPath(job, file.Name), overwrite: true);
            DeleteSuspended(job, file.Name);
            // A name is durable when its folder is flushed: otherwise a power cut could lose the file of a succeeded job.
            _flush(job);
            _flush(_folder);
            return file;
        }
    }

    private static void DeleteSuspended(string job, string name)
    {
        File.Delete(CheckpointPath(job, name));
        File.Delete(SuspendedPath(job, name));
    }

    private void Suspend(string job, string name, FileStream video, Checkpoint checkpoint)
    {
        lock (_naming)
        {
            video.Dispose();
            var part = video.Name + ".json.part";
            using (var stream = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                JsonSerializer.Serialize(stream, checkpoint, PipelineJson.Default.Checkpoint);
                stream.Flush(flushToDisk: true);
            }

            // Delete the old checkpoint first: it must never stand beside other bytes.
            if (video.Name != SuspendedPath(job, name))
            {
                File.Delete(CheckpointPath(job, name));
                File.Move(video.Name, SuspendedPath(job, name), overwrite: true);
            }
            File.Move(part, CheckpointPath(job, name), overwrite: true);
            _flush(job);
        }
    }

    private sealed class FolderSink : VideoSink
    {
        private readonly FolderVideoStore _store;
        private readonly string _job;
        private readonly string _name;
        private readonly FileStream _stream;
        private bool _isSuspended;

        public FolderSink(FolderVideoStore store, string job, string name)
            // No buffer: writes are large enough.
            : this(store, job, name, new(
                Path.Combine(job, $"{name}.{Guid.NewGuid():n}.part"), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous))
        {
        }

        private FolderSink(FolderVideoStore store, string job, string name, FileStream stream) =>
            (_store, _job, _name, _stream) = (store, job, name, stream);

        /// <summary>Truncates the part at the checkpoint, since a run that died may have written later bytes.</summary>
        public static FolderSink? Continue(FolderVideoStore store, string job, string name)
        {
            FileStream? stream = null;
            try
            {
                var checkpoint = JsonSerializer.Deserialize(File.ReadAllBytes(CheckpointPath(job, name)), PipelineJson.Default.Checkpoint);
                stream = new(SuspendedPath(job, name), FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
                if (checkpoint is not null && stream.Length >= checkpoint.Length)
                {
                    stream.SetLength(checkpoint.Length);
                    stream.Seek(0, SeekOrigin.End);
                    return new(store, job, name, stream) { Checkpoint = checkpoint };
                }
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                // The file is missing, unreadable, or being written by another run.
            }
            stream?.Dispose();
            return null;
        }

        public override Stream Stream => _stream;

        public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (file.Name != _name || file.SizeBytes != _stream.Length)
                throw new ArgumentException("The name or the size differs from the file that was written.", nameof(file));
            await Task.Run(() => _stream.Flush(flushToDisk: true), cancellationToken);
            return _store.Commit(_job, _stream, file);
        }

        public override async Task SuspendAsync(Checkpoint checkpoint, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Run(() => _stream.Flush(flushToDisk: true), cancellationToken);
            _store.Suspend(_job, _name, _stream, checkpoint);
            _isSuspended = true;
        }

        public override async ValueTask DisposeAsync()
        {
            await _stream.DisposeAsync();
            if (_isSuspended) return;
            File.Delete(_stream.Name); // Already renamed if the commit succeeded.
            if (Checkpoint is not null) File.Delete(CheckpointPath(_job, _name));
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
