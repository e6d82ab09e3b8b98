using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Videos as blobs <c>{job}/{name}.mp4</c>, each with its SHA-256 in its metadata: a blob without it is ignored. A block list is committed
/// in one step, which fails if the blob exists: so a video is complete or absent, and written once.
/// </summary>
internal sealed class BlobVideoStore(BlobServiceClient account, BlobLinks links) : IVideoStore
{
    /// <summary>The metadata with the hash, without which a blob is ignored.</summary>
    public const string Sha256 = "sha256";

    /// <summary>The metadata with the id of the paid request that made the file.</summary>
    public const string RequestId = "request_id";

    /// <summary>The index tag with the job's id, on every file of a job.</summary>
    public const string JobTag = "job";

    private static readonly TimeSpan LinkLifetime = TimeSpan.FromHours(1);

    private readonly BlobContainerClient _videos = account.GetBlobContainerClient(Containers.Videos);

    public Uri? LinkOrigin => _videos.Uri;

    public async Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken cancellationToken) => (await FindBlobAsync(jobId, name, cancellationToken))?.File;

    public async Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken cancellationToken) =>
        await FindBlobAsync(jobId, name, cancellationToken) is { } found
            ? new(found.File, await links.ReadLinkAsync(found.Blob, LinkLifetime, cancellationToken), null, found.StoredAt)
            : null;

    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckName(jobId);
        CheckName(name);
        return Task.FromResult<VideoSink>(new BlobVideoSink(this, _videos, jobId, name, TransferRecord(jobId, name)));
    }

    public async Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        CheckName(jobId);
        CheckName(name);
        var record = TransferRecord(jobId, name);
        if (await SuspendedTransfer.ReadAsync(record, cancellationToken) is not { } transfer) return null;
        var blob = _videos.GetBlockBlobClient(transfer.Blob);
        try
        {
            var staged = await blob.GetBlockListAsync(BlockListTypes.Uncommitted, cancellationToken: cancellationToken);
            // Storage deletes staged blocks after a week.
            var sizes = staged.Value.UncommittedBlocks.ToDictionary(block => block.Name, block => block.SizeLong);
            if (transfer.Blocks.All(sizes.ContainsKey) && transfer.Blocks.Sum(block => sizes[block]) == transfer.Checkpoint.Length)
                return new BlobVideoSink(this, _videos, jobId, name, record, transfer);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            // No blocks are staged any more.
        }
        return null;
    }

    /// <summary>The record of a suspended transfer.</summary>
    private BlobClient TransferRecord(string jobId, string name) => _videos.GetBlobClient($"{jobId}/{name}.left");

    /// <summary>HTTP headers of a stored file: browsers display it, and save it under a name with job and format.</summary>
    internal static BlobHttpHeaders Headers(string jobId, string name, string contentType) => new()
    {
        ContentType = contentType,
        ContentDisposition = $"inline; filename=\"{jobId}-{name}{MediaFormat.ExtensionOf(contentType)}\"",
    };

    private static void CheckName(string name)
    {
        if (name.Length is 0 or > 128 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            throw new ArgumentException("The name of a job or of a file is 1 to 128 of the characters A-Z, a-z, 0-9, _ and -.", nameof(name));
    }

    private async Task<Found?> FindBlobAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        CheckName(jobId);
        CheckName(name);
        // The extension is unknown here: it depends on the file's format. Listing is strongly consistent, so no completed write is missed.
        await foreach (var blob in _videos.GetBlobsAsync(new() { Traits = BlobTraits.Metadata, Prefix = $"{jobId}/{name}." }, cancellationToken))
        {
            var properties = blob.Properties;
            if (!blob.Metadata.TryGetValue(Sha256, out var sha256)) continue;
            var kind = properties.ContentType.StartsWith("image/", StringComparison.Ordinal) ? "image" : "video";
            var file = new StoredFile(name, kind, properties.ContentType, properties.ContentLength!.Value, sha256, blob.Metadata.TryGetValue(RequestId, out var requestId) ? requestId : null);
            return new(file, _videos.GetBlobClient(blob.Name), properties.CreatedOn!.Value);
        }

        return null;
    }

    private sealed record Found(StoredFile File, BlobClient Blob, DateTimeOffset StoredAt);
}
