using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Videos as blobs <c>{job}/{name}.mp4</c>, each with its SHA-256 in its metadata: a blob without is not found. The commit of a blob's blocks
/// is one step, and is refused where there is a blob already: so a video is there whole or not at all, and once.
/// </summary>
internal sealed class BlobVideoStore(BlobServiceClient account, BlobLinks links) : IVideoStore
{
    /// <summary>The metadata that vouches for a blob.</summary>
    public const string Sha256 = "sha256";

    /// <summary>The metadata that names the paid request whose file it is.</summary>
    public const string RequestId = "request_id";

    /// <summary>The index tag that every file of a job has.</summary>
    public const string JobTag = "job";

    private static readonly TimeSpan LinkLifetime = TimeSpan.FromHours(1);

    private readonly BlobContainerClient _videos = account.GetBlobContainerClient(Containers.Videos);

    public async Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken ct) => (await LookAsync(jobId, name, ct))?.File;

    public async Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken ct) =>
        await LookAsync(jobId, name, ct) is { } found
            ? new(found.File, await links.ReadLinkAsync(found.Blob, LinkLifetime, ct), null, found.StoredAt)
            : null;

    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        CheckName(jobId);
        CheckName(name);
        return Task.FromResult<VideoSink>(new BlobVideoSink(this, _videos, jobId, name, Left(jobId, name)));
    }

    public async Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken ct)
    {
        CheckName(jobId);
        CheckName(name);
        var left = Left(jobId, name);
        if (await SuspendedTransfer.ReadAsync(left, ct) is not { } transfer) return null;
        var blob = _videos.GetBlockBlobClient(transfer.Blob);
        try
        {
            var staged = await blob.GetBlockListAsync(BlockListTypes.Uncommitted, cancellationToken: ct);
            // The storage deletes staged blocks after a week.
            var there = staged.Value.UncommittedBlocks.ToDictionary(block => block.Name, block => block.SizeLong);
            if (transfer.Blocks.All(there.ContainsKey) && transfer.Blocks.Sum(block => there[block]) == transfer.Checkpoint.Length)
                return new BlobVideoSink(this, _videos, jobId, name, left, transfer);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            // None is left.
        }
        return null;
    }

    /// <summary>What a suspended transfer has written down.</summary>
    private BlobClient Left(string jobId, string name) => _videos.GetBlobClient($"{jobId}/{name}.left");

    /// <summary>The headers of a stored file: browsers show it, and save it under a name that tells what it is.</summary>
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

    private async Task<Found?> LookAsync(string jobId, string name, CancellationToken ct)
    {
        CheckName(jobId);
        CheckName(name);
        // What follows the point is not known: it depends on what the file is. A list sees every write that was answered before it.
        await foreach (var blob in _videos.GetBlobsAsync(new() { Traits = BlobTraits.Metadata, Prefix = $"{jobId}/{name}." }, ct))
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
