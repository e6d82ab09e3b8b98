using System.Security.Cryptography;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.StaticFiles;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Links to the owner's images for a RunComfy that can't reach this machine. With <c>Storage:Blobs</c> set, a needed image is copied there
/// once, and the link leads to the copy. Its name contains the hash of its content, so that no image overwrites another.
/// </summary>
internal sealed class UploadedAssetLinks(
    ImageFiles images, BlobServiceClient account, [FromKeyedServices(Containers.Images)] IAssetLinks copies) : IAssetLinks
{
    private static readonly FileExtensionContentTypeProvider Types = new();

    private readonly BlobContainerClient _images = account.GetBlobContainerClient(Containers.Images);

    public async Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken)
    {
        if (images.PathOf(path) is not { } file) return new(null, ImageFiles.Missing(path));
        await using var content = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        var name = $"{Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken))}/{Path.GetFileName(file)}";
        var copy = _images.GetBlobClient(name);
        if (!await copy.ExistsAsync(cancellationToken))
        {
            content.Position = 0;
            await copy.UploadAsync(content, new BlobHttpHeaders { ContentType = Types.TryGetContentType(file, out var type) ? type : null }, cancellationToken: cancellationToken);
        }
        return await copies.LinkAsync(name, cancellationToken);
    }

    public Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => images.OpenAsync(path, cancellationToken);
}
