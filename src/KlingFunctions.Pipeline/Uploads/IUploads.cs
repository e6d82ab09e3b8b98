namespace KlingFunctions.Pipeline.Uploads;

/// <summary>A file among the uploads.</summary>
/// <param name="Path">Its path below the root of the uploads, with <c>/</c> between its parts.</param>
/// <param name="ETag">Its version: another one after each change.</param>
/// <param name="ModifiedAt">When it was last written (UTC).</param>
public sealed record UploadedFile(string Path, string ETag, DateTimeOffset ModifiedAt);

/// <summary>Where uploads land: a container of blobs on Azure, the inbox folder on Local.</summary>
public interface IUploads
{
    /// <summary>
    /// Whether the host finds uploads by looking, so that it comes upon the same file again and again; false if it is told of each once, or
    /// a few times soon after.
    /// </summary>
    bool AreLookedAtAgain { get; }

    /// <summary>The file as it is; null if it is not there (any more).</summary>
    Task<UploadedFile?> FindAsync(string path, CancellationToken cancel);

    /// <summary>
    /// Its bytes, of the version that it has then; null if it is not there (any more). At most <paramref name="atMost"/> bytes are read:
    /// of a longer file one byte more than that.
    /// </summary>
    Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel);

    /// <summary>The files of one folder, not of those below it.</summary>
    /// <param name="folder">Empty for the root, else with <c>/</c> at its end.</param>
    /// <param name="cancel">Ends the call.</param>
    IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancel);

    /// <summary>Leaves a readable report beside an upload that came to nothing, over an older one.</summary>
    /// <param name="path">The report's path, beside the upload.</param>
    /// <param name="content">UTF-8 JSON.</param>
    /// <param name="cancel">Ends the call.</param>
    Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel);
}
