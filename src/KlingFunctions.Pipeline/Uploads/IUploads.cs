namespace KlingFunctions.Pipeline.Uploads;

/// <summary>A file among the uploads.</summary>
/// <param name="Path">Its path below the root of the uploads, with <c>/</c> between its parts.</param>
/// <param name="ETag">Its version, which differs after each change.</param>
/// <param name="ModifiedAt">When it was last written (UTC).</param>
public sealed record UploadedFile(string Path, string ETag, DateTimeOffset ModifiedAt);

/// <summary>The store of uploads: a blob container on Azure, the inbox folder on Local.</summary>
public interface IUploads
{
    /// <summary>The file's current version; null if it does not exist (any more).</summary>
    Task<UploadedFile?> FindAsync(string path, CancellationToken cancellationToken);

    /// <summary>
    /// The file's bytes, with their version; null if it does not exist (any more). At most <paramref name="atMost"/> bytes are read: of a
    /// longer file one byte more than that.
    /// </summary>
    Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancellationToken);

    /// <summary>The file and all of its bytes, with their version; null if it does not exist (any more).</summary>
    Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken);

    /// <summary>The files of one folder, not of those below it.</summary>
    /// <param name="folder">Empty for the root, else with <c>/</c> at its end.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancellationToken);

    /// <summary>Writes a readable report beside a failed upload, in place of an older one.</summary>
    /// <param name="path">The report's path, beside the upload.</param>
    /// <param name="content">UTF-8 JSON.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Deletes a report whose cause is gone. Idempotent.</summary>
    Task DeleteReportAsync(string path, CancellationToken cancellationToken);

    /// <summary>Whether there is a record that this upload has its job.</summary>
    /// <param name="id">See <see cref="AcceptedUpload.Id"/>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task<bool> IsAcceptedAsync(string id, CancellationToken cancellationToken);

    /// <summary>Records that an upload has its job. Idempotent. Records are never deleted.</summary>
    /// <returns>False if the uploads are unavailable, for example an unmounted folder: then nothing is recorded.</returns>
    Task<bool> TryRecordAsync(AcceptedUpload upload, CancellationToken cancellationToken);

    /// <summary>Records like <see cref="TryRecordAsync"/>, for a caller that can't continue without the record.</summary>
    /// <exception cref="IOException">The uploads are unavailable: nothing is recorded.</exception>
    async Task RecordAsync(AcceptedUpload upload, CancellationToken cancellationToken)
    {
        if (!await TryRecordAsync(upload, cancellationToken))
            throw new IOException("The uploads are unavailable, so it could not be recorded that this one has its job.");
    }
}
