namespace KlingFunctions.Pipeline.Storing;

/// <summary>A file in the store, complete and checked.</summary>
/// <param name="Name">Its name within the job, such as <c>video</c> or <c>images-2</c>.</param>
/// <param name="Kind"><c>video</c> or <c>image</c>.</param>
/// <param name="ContentType">The media type by its first bytes, such as <c>video/mp4</c>.</param>
/// <param name="SizeBytes">Its length in bytes, at least 1.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal, 64 characters.</param>
/// <param name="RequestId">RunComfy's id of the paid request that made it, as saved by stores: see <see cref="RequestFiles"/>. Null for a
/// file stored by an older version, and wherever the job implies the request.</param>
public sealed record StoredFile(string Name, string Kind, string ContentType, long SizeBytes, string Sha256, string? RequestId = null);

/// <summary>The location of a stored file. Exactly one of <paramref name="Link"/> and <paramref name="Path"/> is set.</summary>
/// <param name="File">The file.</param>
/// <param name="Link">A short-lived link that works for anyone. Not for logs.</param>
/// <param name="Path">Its absolute path on this machine.</param>
/// <param name="StoredAt">When it was committed.</param>
public sealed record VideoLocation(StoredFile File, Uri? Link, string? Path, DateTimeOffset StoredAt);

/// <summary>
/// The store of finished videos and other output files: a port. A name within a job is written once; a second writer gets the first
/// one's file. An uncommitted file does not exist, however the process dies.
/// </summary>
public interface IVideoStore
{
    /// <summary>The origin of its links; null for a store that has none. Pages may show media from there.</summary>
    Uri? LinkOrigin => null;

    /// <summary>The file, if it has been committed.</summary>
    /// <param name="jobId">1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    /// <param name="name">The same characters.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken cancellationToken);

    /// <summary>Begins to write a file. Several may write the same one; the first to commit wins.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken cancellationToken);

    /// <summary>Resumes a file left by <see cref="VideoSink.SuspendAsync"/>; null if none can be resumed.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken cancellationToken);

    /// <summary>The location of the file; null if it has not been committed.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken cancellationToken);
}

/// <summary>A file being written. Disposing it without commit or suspend deletes it.</summary>
public abstract class VideoSink : IAsyncDisposable
{
    /// <summary>Receives the bytes in order, in large pieces, from one writer that does not dispose it.</summary>
    public abstract Stream Stream { get; }

    /// <summary>The state left by the previous run; null for a new file.</summary>
    public Checkpoint? Checkpoint { get; protected init; }

    /// <summary>
    /// Saves the bytes for a later run, durably and invisibly; afterwards the sink may only be disposed. Another process can resume it.
    /// </summary>
    /// <param name="checkpoint">The state to resume from.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public abstract Task SuspendAsync(Checkpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>Makes the whole file durable and visible under its name.</summary>
    /// <param name="file">The written file.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The committed file: another writer's, if that one was first.</returns>
    public abstract Task<StoredFile> CommitAsync(StoredFile file, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
