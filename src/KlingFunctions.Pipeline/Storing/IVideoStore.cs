namespace KlingFunctions.Pipeline.Storing;

/// <summary>A file that the store holds, whole and checked.</summary>
/// <param name="Name">Its name within the job, such as <c>video</c> or <c>images-2</c>.</param>
/// <param name="Kind"><c>video</c> or <c>image</c>.</param>
/// <param name="ContentType">The media type that its own first bytes tell, such as <c>video/mp4</c>.</param>
/// <param name="SizeBytes">Its length in bytes, at least 1.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimal, 64 characters.</param>
/// <param name="RequestId">RunComfy's id of the paid request that made it, as stores keep it: see <see cref="RequestFiles"/>. Null for a file
/// that an older version stored, and wherever the job says which request is meant.</param>
public sealed record StoredFile(string Name, string Kind, string ContentType, long SizeBytes, string Sha256, string? RequestId = null);

/// <summary>Where a stored file can be had. Exactly one of <paramref name="Link"/> and <paramref name="Path"/> is set.</summary>
/// <param name="File">The file.</param>
/// <param name="Link">A short-lived link that anyone can fetch it from. Not for logs.</param>
/// <param name="Path">Its absolute path on this machine.</param>
/// <param name="StoredAt">When it was committed.</param>
public sealed record VideoLocation(StoredFile File, Uri? Link, string? Path, DateTimeOffset StoredAt);

/// <summary>
/// Where finished videos, and what else a job's output names, are kept: a port. A name within a job is written once; whoever comes second
/// finds the first one's file. What is not committed does not exist, however the process dies.
/// </summary>
public interface IVideoStore
{
    /// <summary>The file, if it has been committed.</summary>
    /// <param name="jobId">1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    /// <param name="name">The same characters.</param>
    /// <param name="ct">Gives up.</param>
    Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken ct);

    /// <summary>Begins to write a file. Several may write the same one; the first to commit wins.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken ct);

    /// <summary>Goes on with a file that <see cref="VideoSink.SuspendAsync"/> left; null if there is none that can be gone on with.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken ct);

    /// <summary>Where the file can be had; null if it has not been committed.</summary>
    /// <inheritdoc cref="FindAsync"/>
    Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken ct);
}

/// <summary>A file being written. Disposing it without having committed or suspended it leaves nothing behind.</summary>
public abstract class VideoSink : IAsyncDisposable
{
    /// <summary>Takes the bytes in order. Written to in large pieces, by one writer; not disposed by it.</summary>
    public abstract Stream Stream { get; }

    /// <summary>Where the run before left it; null for a file that is begun.</summary>
    public Checkpoint? Checkpoint { get; protected init; }

    /// <summary>
    /// Leaves what was written to a later run, durably and unseen: the sink is then only to be disposed. What one process left, another goes on
    /// with.
    /// </summary>
    /// <param name="checkpoint">Where it stands.</param>
    /// <param name="ct">Gives up.</param>
    public abstract Task SuspendAsync(Checkpoint checkpoint, CancellationToken ct);

    /// <summary>Makes what was written durable and visible, whole, under its name.</summary>
    /// <param name="file">What was written.</param>
    /// <param name="ct">Gives up.</param>
    /// <returns>The file that is there now: another writer's, if that one was first.</returns>
    public abstract Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
