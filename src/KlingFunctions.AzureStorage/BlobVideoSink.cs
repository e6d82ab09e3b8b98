using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// A video on its way into a blob. Blocks that are never committed are seen by nobody, and the storage throws them away with the next commit
/// of the blob, or after a week. A blob that the storage has fetched by itself is there at once, but nothing vouches for it until the commit.
/// </summary>
internal sealed class BlobVideoSink(BlobVideoStore store, BlobContainerClient container, string jobId, string name) : VideoSink
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    private readonly BlockStream _stream = new(
        block => BlobOf(container, jobId, name, MediaFormat.Recognise(block.Span[..Math.Min(block.Length, MediaFormat.HeadLength)])?.ContentType));

    private Copy? _copy;

    public override Stream Stream => _stream;

    private Dictionary<string, string> Tags => new() { [BlobVideoStore.JobTag] = jobId };

    public override async Task<Stream?> TryCopyAsync(Uri source, string contentType, CancellationToken ct)
    {
        var blob = BlobOf(container, jobId, name, contentType);
        try
        {
            await CopyAsync(source, blob, contentType, ct);
            var properties = (await blob.GetPropertiesAsync(cancellationToken: ct)).Value;
            if (properties.Metadata.ContainsKey(BlobVideoStore.Sha256)) return null;
            var content = await blob.DownloadStreamingAsync(new BlobDownloadOptions { Conditions = new() { IfMatch = properties.ETag } }, ct);
            _copy = new(blob, properties.ETag, properties.ContentLength);
            return content.Value.Content;
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException)
        {
            // It will not be fetched; or what was has given way to another writer's, or went with one who gave up.
            return null;
        }
    }

    public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct)
    {
        if (file.Name != name || file.SizeBytes != (_copy?.Length ?? _stream.Length))
            throw new ArgumentException("The file is not the one that was written.", nameof(file));
        var blob = BlobOf(container, jobId, name, file.ContentType);
        var blocks = _copy is null ? await _stream.CompleteAsync(blob, ct) : [];
        // Another may have told the format of his file differently, and so have another name for it.
        if (await store.FindAsync(jobId, name, ct) is { } first) return first;
        try
        {
            if (_copy is null) await CommitBlocksAsync(blob, blocks, file, ct);
            else await blob.SetMetadataAsync(Vouch(file), new() { IfMatch = _copy.ETag }, ct);
            _copy = null;
            return file;
        }
        catch (RequestFailedException e) when (IsConflict(e))
        {
            // Another writer was first, and his commit has thrown these blocks away; or this very commit was heard, and its answer was not.
            if (await store.FindAsync(jobId, name, ct) is { } there) return there;
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        if (_copy is not { } copy) return;
        _copy = null;
        using var limit = new CancellationTokenSource(Farewell);
        try
        {
            await copy.Blob.DeleteIfExistsAsync(conditions: new() { IfMatch = copy.ETag }, cancellationToken: limit.Token);
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException or OperationCanceledException)
        {
            // It has been vouched for meanwhile; or it stays, unseen, until the next writer takes it or replaces it.
        }
    }

    private static bool IsConflict(RequestFailedException e) => e.Status is 409 or 412 || e.ErrorCode == BlobErrorCode.InvalidBlockList;

    private static BlockBlobClient BlobOf(BlobContainerClient container, string jobId, string name, string? contentType) =>
        container.GetBlockBlobClient($"{jobId}/{name}{MediaFormat.ExtensionOf(contentType ?? "")}");

    private static Dictionary<string, string> Vouch(StoredFile file) => new() { [BlobVideoStore.Sha256] = file.Sha256 };

    private async Task CopyAsync(Uri source, BlockBlobClient blob, string contentType, CancellationToken ct)
    {
        var options = new BlobSyncUploadFromUriOptions
        {
            CopySourceBlobProperties = false,
            HttpHeaders = BlobVideoStore.Headers(jobId, name, contentType),
            // Without any, the source's own would be taken over, and might vouch for it.
            Metadata = new Dictionary<string, string> { ["state"] = "unchecked" },
            Tags = Tags,
            DestinationConditions = new() { IfNoneMatch = ETag.All },
        };
        try
        {
            await blob.SyncUploadFromUriAsync(source, options, ct);
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobAlreadyExists)
        {
            // Made by this very call, whose answer was lost, or by someone who died before the commit, or has just committed it.
        }
    }

    private async Task CommitBlocksAsync(BlockBlobClient blob, IReadOnlyList<string> blocks, StoredFile file, CancellationToken ct)
    {
        var options = new CommitBlockListOptions
        {
            HttpHeaders = BlobVideoStore.Headers(jobId, name, file.ContentType),
            Metadata = Vouch(file),
            Tags = Tags,
            Conditions = new() { IfNoneMatch = ETag.All },
        };
        try
        {
            await blob.CommitBlockListAsync(blocks, options, ct);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412 && !ct.IsCancellationRequested)
        {
            // A copy that nobody has vouched for, and perhaps nobody ever will, is no file: it gives way.
            var there = (await blob.GetPropertiesAsync(cancellationToken: ct)).Value;
            if (there.Metadata.ContainsKey(BlobVideoStore.Sha256)) throw;
            options.Conditions = new() { IfMatch = there.ETag };
            await blob.CommitBlockListAsync(blocks, options, ct);
        }
    }

    private sealed record Copy(BlockBlobClient Blob, ETag ETag, long Length);
}
