using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.AzureStorage;

/// <summary>Links to images in two containers: those from <c>POST /api/assets</c>, and uploads.</summary>
internal sealed class RoutedAssetLinks(IAssetLinks assets, IAssetLinks uploads) : IAssetLinks
{
    public Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken) => Of(path).LinkAsync(path, cancellationToken);

    public Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => Of(path).OpenAsync(path, cancellationToken);

    private IAssetLinks Of(string path) => AssetUri.IsSha256(path) ? assets : uploads;
}
