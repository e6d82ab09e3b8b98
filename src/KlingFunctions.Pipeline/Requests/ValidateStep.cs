using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>What the checks found.</summary>
/// <param name="Faults">What is wrong; none: the request may be paid for.</param>
public sealed record ImagesChecked(IReadOnlyList<Fault> Faults);

/// <summary>Checks before paying all that only the network can tell: whether each image is there, is one, and is fit.</summary>
public sealed class ValidateStep(ModelContract model, IAssetLinks links, ImageCheck check)
{
    /// <summary>The faults of the images of a model's input; none: it may be submitted.</summary>
    public async Task<ImagesChecked> RunAsync(JsonElement input, CancellationToken cancel)
    {
        var (linked, faults) = await AssetReferences.ResolveAsync(model, input, links, cancel);
        return new(faults.Count > 0 ? faults : await check.CheckAsync([.. model.Images(linked)], cancel));
    }
}
