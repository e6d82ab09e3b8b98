using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>Puts links in place of the owner's stored images, at the very moment they are needed.</summary>
internal static class AssetReferences
{
    /// <summary>
    /// The input with a fresh link in place of each <see cref="AssetUri"/>, or a fault for each that has none. The result holds secrets:
    /// it is never written down.
    /// </summary>
    public static async Task<(JsonElement Input, IReadOnlyList<Fault> Faults)> ResolveAsync(
        ModelContract model, JsonElement input, IAssetLinks links, CancellationToken cancel)
    {
        var urls = new Dictionary<string, string>();
        var faults = new List<Fault>();
        foreach (var image in model.Images(input).Where(i => AssetUri.Is(i.Url)))
        {
            if (urls.ContainsKey(image.Url)) continue;
            var link = await links.LinkAsync(AssetUri.PathOf(image.Url), cancel);
            if (link.Url is { } url) urls.Add(image.Url, url.AbsoluteUri);
            else faults.Add(new(image.Pointer, FaultCode.ImageUnreachable, link.Problem!));
        }
        return (urls.Count == 0 ? input : model.WithImages(input, urls), faults);
    }
}
