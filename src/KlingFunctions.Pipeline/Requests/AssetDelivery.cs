using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>Replaces the owner's stored images with links, or with the images themselves, just before they are sent.</summary>
internal sealed class AssetDelivery(ModelContract model, IAssetLinks links, IOptions<AssetOptions> options)
{
    // The inline limit of RunComfy's own ComfyUI nodes. Its documentation does not mention data: URIs.
    internal const int MaxInlineBytes = 6 * 1024 * 1024;
    internal const int MaxInlinePixels = 32_000_000;
    internal const int MaxInlineBytesInAll = 64 * 1024 * 1024;

    /// <summary>
    /// The input for the provider, or a fault for each image that can't be delivered. The result contains secrets and whole images: it is
    /// never stored.
    /// </summary>
    public async Task<(JsonElement Input, IReadOnlyList<Fault> Faults)> ResolveAsync(JsonElement input, CancellationToken cancellationToken)
    {
        var (urls, faults) = (new Dictionary<string, string>(), new List<Fault>());
        var inline = 0L;
        foreach (var image in model.Images(input).Where(i => AssetUri.Is(i.Url)))
        {
            if (!urls.TryGetValue(image.Url, out var url))
            {
                (url, var fault) = await ResolveAsync(image, cancellationToken);
                if (fault is not null) faults.Add(fault);
                if (url is null) continue;
                urls.Add(image.Url, url);
            }
            // An image counts once for each place that names it.
            if (!DataUri.Is(url) || (inline += DataUri.LengthOf(url)) <= MaxInlineBytesInAll) continue;
            faults.Add(new(
                image.Pointer, FaultCode.ImageTooLarge,
                $"The images of this request are sent inline, and have more than {MaxInlineBytesInAll >> 20} MiB in all with this one: make them smaller."));
            break;
        }
        return (urls.Count == 0 || faults.Count > 0 ? input : model.WithImages(input, urls), faults);
    }

    /// <summary>Whether an uploaded image has its content still; true if it is missing, which is another fault.</summary>
    public async Task<bool> IsThereAsync(UploadedImage image, CancellationToken cancellationToken)
    {
        await using var content = await links.OpenAsync(image.Path, cancellationToken);
        return content is null || (await ImageFile.HashAsync(content, cancellationToken)).Image == image.Sha256;
    }

    private async Task<(string? Url, Fault? Fault)> ResolveAsync(ImageReference image, CancellationToken cancellationToken)
    {
        var path = AssetUri.PathOf(image.Url);
        var problem = $"There is no image '{path}': put it there, then resume the job.";
        if (options.Value.Delivery is not "inline")
        {
            var link = await links.LinkAsync(path, cancellationToken);
            if (link.Url is { } url) return (url.AbsoluteUri, null);
            if (options.Value.Delivery is "link") return (null, new(image.Pointer, FaultCode.ImageUnreachable, link.Problem!));
            problem = link.Problem!;
        }
        await using var content = await links.OpenAsync(path, cancellationToken);
        if (content is null) return (null, new(image.Pointer, FaultCode.ImageUnreachable, problem));
        var bytes = new byte[MaxInlineBytes + 1];
        var read = await content.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        Fault Fault(string code, string says) => new(image.Pointer, code, $"The image '{path}' {says}");
        if (read > MaxInlineBytes)
            return (null, Fault(FaultCode.ImageTooLarge, $"has more than {MaxInlineBytes >> 20} MiB, which is the most that can be sent inline: make it smaller, or give an https URL."));
        if (ImageHeader.Read(bytes.AsSpan(0, read), out var notAnImage) is not { } header)
            return (null, Fault(FaultCode.ImageNotAnImage, $"is {notAnImage ?? "no whole image"}: only JPEG, PNG and WebP images are accepted."));
        if ((long)header.Width * header.Height > MaxInlinePixels)
            return (null, Fault(FaultCode.ImageTooLarge, $"is {header.Width}×{header.Height} px, and at most {MaxInlinePixels / 1_000_000} million pixels can be sent inline: make it smaller."));
        return (DataUri.Of(header.ContentType, bytes.AsSpan(0, read)), null);
    }
}
