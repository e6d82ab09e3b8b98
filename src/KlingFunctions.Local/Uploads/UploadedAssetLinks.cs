using System.Security.Cryptography;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.StaticFiles;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Links to images in the inbox for whoever can't reach this machine: with <c>Storage:Blobs</c> set, an image is copied there when it is
/// needed, unless it has been, and the link leads to the copy. Its name tells its content, so that none takes another's place.
/// </summary>
internal sealed class UploadedAssetLinks(
    InboxFolder inbox, BlobServiceClient account, [FromKeyedServices(Containers.Images)] IAssetLinks copies) : IAssetLinks
{
    private static readonly FileExtensionContentTypeProvider Types = new();

    private readonly BlobContainerClient _images = account.GetBlobContainerClient(Containers.Images);

    public async Task<AssetLink> LinkAsync(string path, CancellationToken cancel)
    {
        if (inbox.PathOf(path) is not { } file) return new(null, $"There is no image '{path}' in the inbox: put it there, then resume the job.");
        await using var content = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        var name = $"{Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancel))}/{Path.GetFileName(file)}";
        var copy = _images.GetBlobClient(name);
        if (!await copy.ExistsAsync(cancel))
        {
            content.Position = 0;
            await copy.UploadAsync(content, new BlobHttpHeaders { ContentType = Types.TryGetContentType(file, out var type) ? type : null }, cancellationToken: cancel);
        }
        return await copies.LinkAsync(name, cancel);
    }

    public async Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => (await inbox.OpenAsync(path, cancellationToken))?.Content;
}
