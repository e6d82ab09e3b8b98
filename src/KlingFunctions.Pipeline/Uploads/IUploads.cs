namespace KlingFunctions.Pipeline.Uploads;

/// <summary>A file among the uploads.</summary>
/// <param name="Path">Its path below the root of the uploads, with <c>/</c> between its parts.</param>
/// <param name="ETag">Its version: another one after each change.</param>
/// <param name="ModifiedAt">When it was last written (UTC).</param>
public sealed record UploadedFile(string Path, string ETag, DateTimeOffset ModifiedAt);

/// <summary>Where uploads land: a container of blobs on Azure, the inbox folder on Local.</summary>
public interface IUploads
{
    /// <summary>The file as it is; null if it is not there (any more).</summary>
    Task<UploadedFile?> FindAsync(string path, CancellationToken cancel);

    /// <summary>
    /// Its bytes, of the version that it has then; null if it is not there (any more). At most <paramref name="atMost"/> bytes are read:
    /// of a longer file one byte more than that.
    /// </summary>
    Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel);

    /// <summary>The file and its bytes, from the first to the last, of the version that it has then; null if it is not there (any more).</summary>
    Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken);

    /// <summary>The files of one folder, not of those below it.</summary>
    /// <param name="folder">Empty for the root, else with <c>/</c> at its end.</param>
    /// <param name="cancel">Ends the call.</param>
    IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancel);

    /// <summary>Leaves a readable report beside an upload that came to nothing, over an older one.</summary>
    /// <param name="path">The report's path, beside the upload.</param>
    /// <param name="content">UTF-8 JSON.</param>
    /// <param name="cancel">Ends the call.</param>
    Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel);

    /// <summary>Deletes a report whose cause has gone. Nothing there is as good.</summary>
    Task DeleteReportAsync(string path, CancellationToken cancellationToken);

    /// <summary>Whether there is a record that this upload has its job.</summary>
    /// <param name="id">See <see cref="TakenUpload.Id"/>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task<bool> IsTakenAsync(string id, CancellationToken cancellationToken);

    /// <summary>Records that an upload has its job. A repeat is harmless. Records are never deleted.</summary>
    /// <returns>False if the uploads are away, an unmounted folder say: then nothing is recorded.</returns>
    Task<bool> TryRecordAsync(TakenUpload taken, CancellationToken cancellationToken);
}
