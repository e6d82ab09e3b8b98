using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Local.Uploads;

/// <summary>The owner's images on this machine: those in the inbox, and those from <c>POST /api/assets</c>.</summary>
internal sealed class ImageFiles(InboxFolder inbox, AssetFolder assets)
{
    /// <summary>The file of an image; null if it is missing.</summary>
    public string? PathOf(string path) => AssetUri.IsSha256(path) ? assets.PathOf(path) : inbox.PathOf(path);

    /// <summary>The image's bytes; null if it is missing.</summary>
    public async Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => AssetUri.IsSha256(path)
        ? assets.PathOf(path) is { } file ? File.OpenRead(file) : null
        : (await inbox.OpenAsync(path, cancellationToken))?.Content;

    /// <summary>The sentence for a missing image.</summary>
    public static string Missing(string path) => AssetUri.IsSha256(path)
        ? $"There is no image {AssetUri.For(path)} any more: send it again to POST /api/assets, then resume the job."
        : $"There is no image '{path}' in the inbox: put it there, then resume the job.";
}
