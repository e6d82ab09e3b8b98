using Azure;
using Azure.Storage.Blobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage;

/// <summary>Links to images in a container, valid long enough for RunComfy to fetch them from its queue.</summary>
internal sealed class BlobAssetLinks(BlobServiceClient account, BlobLinks links, IOptions<NetworkOptions> network, string container) : IAssetLinks
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(4);

    private readonly BlobContainerClient _images = account.GetBlobContainerClient(container);

    public async Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken)
    {
        if (account.Uri.IsLoopback && !network.Value.AllowLoopback)
        {
            return new(null, $"The image '{path}' lies in storage on this machine, where RunComfy can't fetch it: put it on the web and give its https URL, or set Storage:Blobs to storage in Azure.");
        }
        var blob = _images.GetBlobClient(path);
        return await blob.ExistsAsync(cancellationToken)
            ? new(await links.ReadLinkAsync(blob, Lifetime, cancellationToken), null)
            : new(null, AssetUri.IsSha256(path)
                ? $"There is no image {AssetUri.For(path)} any more: send it again to POST /api/assets, then resume the job."
                : $"There is no image '{path}' in the container '{container}': put it there, then resume the job.");
    }

    public async Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return (await _images.GetBlobClient(path).DownloadStreamingAsync(cancellationToken: cancellationToken)).Value.Content;
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }
}
