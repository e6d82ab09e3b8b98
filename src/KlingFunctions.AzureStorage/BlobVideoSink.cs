using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// A video on its way into a blob. Uncommitted blocks are invisible; the storage deletes them with the next commit of the blob, or after a
/// week.
/// </summary>
internal sealed class BlobVideoSink(BlobVideoStore store, BlobContainerClient container, string jobId, string name) : VideoSink
{
    private readonly BlockStream _stream = new(
        block => BlobOf(container, jobId, name, MediaFormat.Recognise(block.Span[..Math.Min(block.Length, MediaFormat.HeadLength)])?.ContentType));

    public override Stream Stream => _stream;

    public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct)
    {
        if (file.Name != name || file.SizeBytes != _stream.Length)
            throw new ArgumentException("The file is not the one that was written.", nameof(file));
        var blob = BlobOf(container, jobId, name, file.ContentType);
        var blocks = await _stream.CompleteAsync(blob, ct);
        // Another writer may have recognised another format, and so have used another name.
        if (await store.FindAsync(jobId, name, ct) is { } first) return first;
        try
        {
            await blob.CommitBlockListAsync(blocks, Options(file), ct);
            return file;
        }
        catch (RequestFailedException e) when (IsConflict(e))
        {
            // Another writer committed first and so deleted these blocks; or this very commit succeeded, and its answer was lost.
            if (await store.FindAsync(jobId, name, ct) is { } there) return there;
            throw;
        }
    }

    public override ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static bool IsConflict(RequestFailedException e) => e.Status is 409 or 412 || e.ErrorCode == BlobErrorCode.InvalidBlockList;

    private static BlockBlobClient BlobOf(BlobContainerClient container, string jobId, string name, string? contentType) =>
        container.GetBlockBlobClient($"{jobId}/{name}{MediaFormat.ExtensionOf(contentType ?? "")}");

    private CommitBlockListOptions Options(StoredFile file) => new()
    {
        HttpHeaders = BlobVideoStore.Headers(jobId, name, file.ContentType),
        Metadata = Metadata(file),
        Tags = new Dictionary<string, string> { [BlobVideoStore.JobTag] = jobId },
        Conditions = new() { IfNoneMatch = ETag.All },
    };

    private static Dictionary<string, string> Metadata(StoredFile file)
    {
        var metadata = new Dictionary<string, string> { [BlobVideoStore.Sha256] = file.Sha256 };
        if (file.RequestId is { } requestId) metadata[BlobVideoStore.RequestId] = requestId;
        return metadata;
    }
}
