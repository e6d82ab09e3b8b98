using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.StaticFiles;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Links to images in the inbox for whoever can't reach this machine: with <c>Storage:Blobs</c> set, an image is copied into the uploads
/// container when it is needed, and the link leads there.
/// </summary>
internal sealed class UploadedAssetLinks(
    InboxFolder inbox, BlobServiceClient account, [FromKeyedServices(Containers.Uploads)] IAssetLinks uploaded) : IAssetLinks
{
    private static readonly FileExtensionContentTypeProvider Types = new();

    public async Task<AssetLink> LinkAsync(string path, CancellationToken cancel)
    {
        if (inbox.PathOf(path) is not { } file) return new(null, $"There is no image '{path}' in the inbox: put it there, then resume the job.");
        var headers = new BlobHttpHeaders { ContentType = Types.TryGetContentType(file, out var type) ? type : null };
        await account.GetBlobContainerClient(Containers.Uploads).GetBlobClient(path).UploadAsync(file, headers, cancellationToken: cancel);
        return await uploaded.LinkAsync(path, cancel);
    }
}
