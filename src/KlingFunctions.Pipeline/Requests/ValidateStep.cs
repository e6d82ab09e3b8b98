using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>What the checks found.</summary>
/// <param name="Faults">What is wrong; none: the request may be paid for.</param>
/// <param name="MayCome">True if a stored image is missing or not whole: it may be on its way.</param>
public sealed record ImagesChecked(
    IReadOnlyList<Fault> Faults, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool MayCome = false);

/// <summary>Checks before paying all that only the network can tell: whether each image is there, is one, and is fit.</summary>
public sealed class ValidateStep(ModelContract model, IAssetLinks links, ImageCheck check)
{
    /// <summary>The faults of the images of a model's input; none: it may be submitted.</summary>
    public async Task<ImagesChecked> RunAsync(JsonElement input, CancellationToken cancellationToken)
    {
        var (cutOff, anyMissing) = await CheckAssetsAsync(input, cancellationToken);
        var (linked, unlinked) = await AssetReferences.ResolveAsync(model, input, links, cancellationToken);
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
            await using var content = await links.OpenAsync(path, cancellationToken);
            anyMissing |= content is null;
            if (content is not null && await ImageFile.ReadAsync(content, cancellationToken) is ImageFileState.CutOff)
                cutOff.Add(new(image.Pointer, FaultCode.ImageNotAnImage, $"The image '{path}' breaks off before its end: put the whole image there, then resume the job."));
        }
        return (cutOff, anyMissing);
    }
}
