using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The result of the image checks.</summary>
/// <param name="Faults">The faults; none: the request may be paid for.</param>
/// <param name="MayCome">True if a stored image is missing or incomplete: its upload may still be running.</param>
public sealed record ImagesChecked(
    IReadOnlyList<Fault> Faults, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool MayCome = false);

/// <summary>Checks images over the network before payment: each must exist, be an image, and be within its limits.</summary>
internal sealed class ValidateStep(ModelContract model, IAssetLinks links, IAssetStore assets, AssetDelivery delivery, ImageCheck check)
{
    /// <summary>The faults of the images of a model's input; none: it may be submitted.</summary>
    public async Task<ImagesChecked> RunAsync(JsonElement input, CancellationToken cancellationToken)
    {
        var (cutOff, anyMissing) = await CheckAssetsAsync(input, cancellationToken);
        var (linked, unlinked) = await delivery.ResolveAsync(input, cancellationToken);
        if (unlinked.Count > 0) return new(unlinked, anyMissing);
        if (cutOff.Count > 0) return new(cutOff, MayCome: true);
        return new(await check.CheckAsync([.. model.Images(linked)], cancellationToken));
    }

    private async Task<(IReadOnlyList<Fault> CutOff, bool AnyMissing)> CheckAssetsAsync(JsonElement input, CancellationToken cancellationToken)
    {
        var (cutOff, anyMissing) = (new List<Fault>(), false);
        foreach (var image in model.Images(input).Where(i => AssetUri.Is(i.Url)).DistinctBy(i => i.Url))
        {
            var path = AssetUri.PathOf(image.Url);
            if (AssetUri.IsSha256(path)) await assets.TouchAsync(path, cancellationToken);
            await using var content = await links.OpenAsync(path, cancellationToken);
            anyMissing |= content is null;
            if (content is not null && await ImageFile.ReadAsync(content, cancellationToken) is ImageFileState.CutOff)
                cutOff.Add(new(image.Pointer, FaultCode.ImageNotAnImage, $"The image '{path}' breaks off before its end: put the whole image there, then resume the job."));
        }
        return (cutOff, anyMissing);
    }
}
