using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Images from <c>POST /api/assets</c>, each a blob named by its SHA-256. The time of its last change is that of its last use.
/// </summary>
internal sealed class BlobAssets(BlobServiceClient account) : IAssetStore
{
    private readonly BlobContainerClient _images = account.GetBlobContainerClient(Containers.Images);

    public async Task<bool> AddAsync(string sha256, string contentType, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        try
        {
            await _images.GetBlobClient(sha256).UploadAsync(
                new BinaryData(content),
                new BlobUploadOptions { HttpHeaders = new() { ContentType = contentType }, Conditions = new() { IfNoneMatch = ETag.All } }, cancellationToken);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            await TouchAsync(sha256, cancellationToken);
            return false;
        }
    }

    public async Task TouchAsync(string sha256, CancellationToken cancellationToken)
    {
        try
        {
            await _images.GetBlobClient(sha256).SetMetadataAsync(new Dictionary<string, string>(), cancellationToken: cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            // Deleted already.
        }
    }

    public async Task<int> ForgetUnusedAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var forgotten = 0;
        // Blobs below a hash are copies that a Local host made: leave them alone.
        await foreach (var item in _images.GetBlobsByHierarchyAsync(new() { Delimiter = "/" }, cancellationToken))
        {
            if (!item.IsBlob || !AssetUri.IsSha256(item.Blob.Name) || item.Blob.Properties.LastModified >= before) continue;
            // Keeps an image that was used after it was listed.
            var unchanged = new BlobRequestConditions { IfUnmodifiedSince = item.Blob.Properties.LastModified };
            try
            {
                await _images.DeleteBlobAsync(item.Blob.Name, conditions: unchanged, cancellationToken: cancellationToken);
                forgotten++;
            }
            catch (RequestFailedException e) when (e.Status is 404 or 412)
            {
                // The image was used, or another run deleted it first.
            }
        }
        return forgotten;
    }
}
