using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// A video on its way into a blob. Blocks that are never committed are seen by nobody, and the storage throws them away with the next commit
/// of the blob, or after a week.
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
        // Another may have told the format of his file differently, and so have another name for it.
        if (await store.FindAsync(jobId, name, ct) is { } first) return first;
        try
        {
            await blob.CommitBlockListAsync(
                blocks,
                new CommitBlockListOptions
                {
                    HttpHeaders = BlobVideoStore.Headers(jobId, file),
                    Metadata = new Dictionary<string, string> { [BlobVideoStore.Sha256] = file.Sha256 },
                    Tags = new Dictionary<string, string> { [BlobVideoStore.JobTag] = jobId },
                    Conditions = new() { IfNoneMatch = ETag.All },
                },
                ct);
            return file;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412 || e.ErrorCode == BlobErrorCode.InvalidBlockList)
        {
            // Another writer was first, and his commit has thrown these blocks away; or this very commit was heard, and its answer was not.
            if (await store.FindAsync(jobId, name, ct) is { } there) return there;
            throw;
        }
    }

    public override ValueTask DisposeAsync() => _stream.DisposeAsync();

    private static BlockBlobClient BlobOf(BlobContainerClient container, string jobId, string name, string? contentType) =>
        container.GetBlockBlobClient($"{jobId}/{name}{MediaFormat.ExtensionOf(contentType ?? "")}");
}
