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
internal sealed class BlobVideoSink : VideoSink
{
    private readonly BlobVideoStore _store;
    private readonly BlobContainerClient _container;
    private readonly string _jobId;
    private readonly string _name;
    private readonly BlobClient _left;
    private readonly BlockStream _stream;
    private bool _isSuspended;

    public BlobVideoSink(BlobVideoStore store, BlobContainerClient container, string jobId, string name, BlobClient left)
    {
        (_store, _container, _jobId, _name, _left) = (store, container, jobId, name, left);
        _stream = new(block => BlobOf(MediaFormat.Recognise(block.Span[..Math.Min(block.Length, MediaFormat.HeadLength)])?.ContentType));
    }

    /// <summary>Goes on with what another run left.</summary>
    public BlobVideoSink(
        BlobVideoStore store, BlobContainerClient container, string jobId, string name, BlobClient left, SuspendedTransfer transfer)
    {
        (_store, _container, _jobId, _name, _left) = (store, container, jobId, name, left);
        _stream = BlockStream.Continue(container.GetBlockBlobClient(transfer.Blob), transfer.Blocks, transfer.Checkpoint.Length);
        Checkpoint = transfer.Checkpoint;
    }

    public override Stream Stream => _stream;

    public override async Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct)
    {
        if (file.Name != _name || file.SizeBytes != _stream.Length)
            throw new ArgumentException("The file is not the one that was written.", nameof(file));
        var blob = BlobOf(file.ContentType);
        var blocks = await _stream.CompleteAsync(blob, ct);
        // Another writer may have recognised another format, and so have used another name.
        if (await _store.FindAsync(_jobId, _name, ct) is { } first) return first;
        try
        {
            await blob.CommitBlockListAsync(blocks, Options(file), ct);
            if (Checkpoint is not null) await SuspendedTransfer.TryForgetAsync(_left);
            return file;
        }
        catch (RequestFailedException e) when (IsConflict(e))
        {
            // Another writer committed first and so deleted these blocks; or this very commit succeeded, and its answer was lost.
            if (await _store.FindAsync(_jobId, _name, ct) is { } there) return there;
            throw;
        }
    }

    public override async Task SuspendAsync(Checkpoint checkpoint, CancellationToken ct)
    {
        var (blob, blocks) = await _stream.StageAllAsync(ct);
        await new SuspendedTransfer(blob.Name, blocks, checkpoint).WriteAsync(_left, ct);
        _isSuspended = true;
    }

    public override async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        if (!_isSuspended && Checkpoint is not null) await SuspendedTransfer.TryForgetAsync(_left);
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
