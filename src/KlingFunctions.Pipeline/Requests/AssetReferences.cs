using System.Text.Json;
using System.Text.Json.Nodes;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The owner's stored images in a request: <c>asset:</c> and a path stand for them until the very moment they are needed.</summary>
public static class AssetReferences
{
    /// <summary>What such a reference begins with.</summary>
    public const string Scheme = "asset:";

    /// <summary>
    /// The input with a fresh link in place of each reference, or a fault for each that has none. The result holds secrets: it is never
    /// written down.
    /// </summary>
    public static async Task<(JsonElement Input, IReadOnlyList<Fault> Faults)> ResolveAsync(
        JsonElement input, IAssetLinks links, CancellationToken cancel)
    {
        if (!input.GetRawText().Contains(Scheme, StringComparison.Ordinal)) return (input, []);
        var root = JsonNode.Parse(input.GetRawText())!;
        var faults = new List<Fault>();
        foreach (var (value, pointer) in Strings(root, "").ToList())
        {
            var text = value.GetValue<string>();
            if (!text.StartsWith(Scheme, StringComparison.Ordinal)) continue;
            var link = await links.LinkAsync(text[Scheme.Length..], cancel);
            if (link.Url is null) faults.Add(new Fault(pointer, "image_unreachable", link.Problem!));
            else value.ReplaceWith(link.Url.AbsoluteUri);
        }
        return (JsonSerializer.SerializeToElement(root, PipelineJson.Default.JsonNode), faults);
    }

    private static IEnumerable<(JsonValue Value, string Pointer)> Strings(JsonNode? node, string pointer) => node switch
    {
        JsonObject o => o.SelectMany(p => Strings(p.Value, $"{pointer}/{p.Key.Replace("~", "~0").Replace("/", "~1")}")),
        JsonArray a => a.SelectMany((item, i) => Strings(item, $"{pointer}/{i}")),
        JsonValue v when v.GetValueKind() is JsonValueKind.String => [(v, pointer)],
        _ => [],
    };
}
