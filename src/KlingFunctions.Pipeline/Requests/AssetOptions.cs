using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The delivery of the owner's stored images to the provider. Section <c>Assets</c>.</summary>
internal sealed class AssetOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Assets";

    /// <summary>
    /// <c>link</c>: a signed link; <c>inline</c>: a <c>data:</c> URI within the request; <c>auto</c>: a link if possible.
    /// </summary>
    public string Delivery { get; set; } = "auto";
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class AssetOptionsValidator : IValidateOptions<AssetOptions>
{
    public ValidateOptionsResult Validate(string? name, AssetOptions options) => options.Delivery is "auto" or "link" or "inline"
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"Assets:Delivery must be 'auto', 'link' or 'inline', not '{options.Delivery}'.");
}
