using System.Text.Json;
using KlingFunctions.Pipeline.Requests.Json;

namespace KlingFunctions.Pipeline.Requests.Models;

/// <summary>
/// The input of one model: its properties, their limits and defaults, and the places of images. All other code treats the input as opaque
/// JSON.
/// </summary>
public abstract class ModelContract
{
    /// <summary>The models that this version knows.</summary>
    public static IReadOnlyList<ModelContract> All { get; } = [KlingO1.Contract];

    /// <summary>The model's id, as RunComfy lists it.</summary>
    public abstract string Id { get; }

    internal abstract IReadOnlyList<string> PropertyNames { get; }

    /// <summary>
    /// The duration in <paramref name="input"/>: whole seconds, as the digits used in histories and names; null if absent.
    /// </summary>
    public abstract string? DurationOf(JsonElement input);

    /// <summary>The model with this id; null if this version knows none.</summary>
    public static ModelContract? Find(string id) => All.FirstOrDefault(model => model.Id == id);

    /// <summary>The images that <paramref name="input"/> names, in the order of the document.</summary>
    public IEnumerable<ImageReference> Images(JsonElement input) =>
        from text in JsonStrings.In(input)
        let limits = LimitsAt(text.Place)
        where limits is not null
        select new ImageReference(text.Place.Pointer, text.Value, limits);

    /// <summary>
    /// <paramref name="input"/> with every image that is a key of <paramref name="links"/> replaced by its value: <see cref="AssetUri"/>s
    /// become links that the provider can fetch.
    /// </summary>
    public JsonElement WithImages(JsonElement input, IReadOnlyDictionary<string, string> links) =>
        RewriteImages(input, url => links.GetValueOrDefault(url, url));

    /// <summary>Any JSON value with each string at the place of an image rewritten, even if the value has other faults.</summary>
    internal JsonElement RewriteImages(JsonElement body, Func<string, string> rewrite) =>
        JsonStrings.Replace(body, (place, text) => LimitsAt(place) is null ? text : rewrite(text));

    /// <summary>Reads and normalises the model's properties. The result is valid only if no fault was found.</summary>
    /// <param name="body">The properties of the body.</param>
    /// <param name="addressFault">Returns the fault in the address of an image, if any.</param>
    /// <param name="findings">Collects faults and warnings.</param>
    internal abstract JsonElement Read(Properties body, Func<string, string?> addressFault, Findings findings);

    /// <summary>The limits of the image at a place of the input; null if it is not the place of an image.</summary>
    private protected abstract ImageLimits? LimitsAt(JsonPlace place);
}
