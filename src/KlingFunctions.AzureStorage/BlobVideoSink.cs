using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// A video that is being written to a blob. Uncommitted blocks are invisible; storage deletes them with the next commit of the blob, or
/// after a week.
/// </summary>
internal sealed class BlobVideoSink : VideoSink
{
    private readonly BlobVideoStore _store;
    private readonly BlobContainerClient _container;
    private readonly string _jobId;
    private readonly string _name;
    private readonly BlobClient _record;
    private readonly BlockStream _stream;
    private bool _isSuspended;

    public BlobVideoSink(BlobVideoStore store, BlobContainerClient container, string jobId, string name, BlobClient record)
    {
        (_store, _container, _jobId, _name, _record) = (store, container, jobId, name, record);
        _stream = new(block => BlobOf(MediaFormat.Recognise(block.Span[..Math.Min(block.Length, MediaFormat.HeadLength)])?.ContentType));
    }

    /// <summary>Continues the suspended transfer of an earlier run.</summary>
    public BlobVideoSink(
        BlobVideoStore store, BlobContainerClient container, string jobId, string name, BlobClient record, SuspendedTransfer transfer)
    {
        (_store, _container, _jobId, _name, _record) = (store, container, jobId, name, record);
        _stream = BlockStream.Continue(container.GetBlockBlobClient(transfer.Blob), transfer.Blocks, transfer.Checkpoint.Length);
        Checkpoint = transfer.Checkpoint;
    }

    public override Stream Stream => _stream;

    public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken cancellationToken)
    {
        if (file.Name != _name || file.SizeBytes != _stream.Length)
            throw new ArgumentException("The name or the size differs from the file that was written.", nameof(file));
        var blob = BlobOf(file.ContentType);
        var blocks = await _stream.CompleteAsync(blob, cancellationToken);
        // Another writer may have committed under another extension, since it detected another format.
        if (await _store.FindAsync(_jobId, _name, cancellationToken) is { } first) return first;
        try
        {
            await blob.CommitBlockListAsync(blocks, Options(file), cancellationToken);
            if (Checkpoint is not null) await SuspendedTransfer.TryDeleteAsync(_record);
            return file;
        }
        catch (RequestFailedException e) when (IsConflict(e))
        {
            // Either another writer committed first, which deleted these blocks, or this commit succeeded and its answer was lost.
            if (await _store.FindAsync(_jobId, _name, cancellationToken) is { } existing) return existing;
            throw;
        }
    }

    public override async Task SuspendAsync(Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        var (blob, blocks) = await _stream.StageAllAsync(cancellationToken);
        await new SuspendedTransfer(blob.Name, blocks, checkpoint).WriteAsync(_record, cancellationToken);
        _isSuspended = true;
    }

    public override async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        if (!_isSuspended && Checkpoint is not null) await SuspendedTransfer.TryDeleteAsync(_record);
    }

    private static bool IsConflict(RequestFailedException e) => e.Status is 409 or 412 || e.ErrorCode == BlobErrorCode.InvalidBlockList;

    private BlockBlobClient BlobOf(string? contentType) =>
        _container.GetBlockBlobClient($"{_jobId}/{_name}{MediaFormat.ExtensionOf(contentType ?? "")}");

    private CommitBlockListOptions Options(StoredFile file) => new()
    {
        HttpHeaders = BlobVideoStore.Headers(_jobId, _name, file.ContentType),
        Metadata = Metadata(file),
        Tags = new Dictionary<string, string> { [BlobVideoStore.JobTag] = _jobId },
        Conditions = new() { IfNoneMatch = ETag.All },
    };

    private static Dictionary<string, string> Metadata(StoredFile file)
    {
        var metadata = new Dictionary<string, string> { [BlobVideoStore.Sha256] = file.Sha256 };
        if (file.RequestId is { } requestId) metadata[BlobVideoStore.RequestId] = requestId;
        return metadata;
    }
}
