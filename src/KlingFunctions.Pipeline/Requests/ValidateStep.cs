using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>Checks before paying all that only the network can tell: whether each image is there, is one, and is fit.</summary>
public sealed class ValidateStep(IAssetLinks links, ImageCheck check)
{
    /// <summary>The faults of the request's images; none: it may be submitted.</summary>
    public async Task<ImagesChecked> RunAsync(VideoRequest request, CancellationToken cancel)
    {
        var (input, faults) = await AssetReferences.ResolveAsync(request.Input, links, cancel);
        return new(faults.Count > 0 ? faults : await check.CheckAsync([.. KlingO1.Images(input)], cancel));
    }
}
