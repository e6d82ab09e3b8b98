using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>A fault in an input, with its place.</summary>
internal sealed record InputFault(IReadOnlyList<string> Path, string Message);

/// <summary>The schema of kling/kling-video-o1/image-to-video/reference, as its page documents it.</summary>
internal static class ModelInput
{
    private const int MostReferences = 7;
    private const int MostElementImages = 4;

    // The limits of RunComfy's own ComfyUI nodes: 6 MiB an image, 64 MiB a request, in base64 a third more.
    private const int MostInline = 6 * 1024 * 1024 / 3 * 4 + 64;
    private const int MostInlineInAll = 64 * 1024 * 1024 / 3 * 4;

    private static readonly string[] InlineTypes = ["data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,"];

    /// <summary>The price in US dollars. RunComfy's own is unknown; fal charges 0.112 a second for this model.</summary>
    public static decimal PriceUsd(JsonElement input) => Text(input, "duration") == "10" ? 1.12m : 0.56m;

    public static string? Text(JsonElement input, string property) =>
        input.ValueKind == JsonValueKind.Object && input.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    public static IReadOnlyList<InputFault> Check(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Object) return [new([], "Input should be an object")];
        var faults = new List<InputFault>();
        if (!input.TryGetProperty("prompt", out _)) faults.Add(new(["prompt"], "Field required"));
        else if (Text(input, "prompt") is null) faults.Add(new(["prompt"], "Input should be a string"));
        OneOf(input, "duration", ["5", "10"], faults);
        OneOf(input, "aspect_ratio", ["16:9", "9:16", "1:1"], faults);

        var images = Items(input, "image_urls", [], 0, MostReferences, faults);
        for (var i = 0; i < images.Count; i++) Image(images[i], ["image_urls", $"{i}"], faults);
        var elements = Items(input, "elements", [], 0, MostReferences, faults);
        for (var i = 0; i < elements.Count; i++) Element(elements[i], ["elements", $"{i}"], faults);
        if (input.GetRawText().Length > MostInlineInAll) faults.Add(new([], "Inline files are too large in all"));
        if (images.Count <= MostReferences && elements.Count <= MostReferences && images.Count + elements.Count > MostReferences)
            faults.Add(new(["elements"], "Maximum 7 total across elements + reference images + start image"));
        return faults;
    }

    private static void Element(JsonElement element, IReadOnlyList<string> path, List<InputFault> faults)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new(path, "Input should be an object"));
            return;
        }
        // The schema's default is an empty string, so an element without a frontal image is legal.
        if (element.TryGetProperty("frontal_image_url", out var frontal) && Text(element, "frontal_image_url") is not "")
            Image(frontal, [.. path, "frontal_image_url"], faults);
        var others = Items(element, "reference_image_urls", path, 1, MostElementImages, faults);
        for (var i = 0; i < others.Count; i++) Image(others[i], [.. path, "reference_image_urls", $"{i}"], faults);
    }

    private static void Image(JsonElement value, IReadOnlyList<string> path, List<InputFault> faults)
    {
        var url = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        // data: URIs are undocumented, but RunComfy's own ComfyUI nodes send them.
        var good = url.StartsWith("data:", StringComparison.Ordinal)
            ? url.Length <= MostInline && InlineTypes.Any(type => url.StartsWith(type, StringComparison.Ordinal)) && IsBase64(url)
            : Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http";
        if (!good) faults.Add(new(path, "Input should be a valid image URL"));
    }

    private static bool IsBase64(string url) => System.Buffers.Text.Base64.IsValid(url.AsSpan(url.IndexOf(',', StringComparison.Ordinal) + 1));

    private static void OneOf(JsonElement input, string name, string[] allowed, List<InputFault> faults)
    {
        if (input.TryGetProperty(name, out _) && !allowed.Contains(Text(input, name)))
            faults.Add(new([name], $"Input should be '{string.Join("', '", allowed)}'"));
    }

    private static List<JsonElement> Items(
        JsonElement owner, string name, IReadOnlyList<string> path, int least, int most, List<InputFault> faults)
    {
        path = [.. path, name];
        if (!owner.TryGetProperty(name, out var array))
        {
            faults.Add(new(path, "Field required"));
            return [];
        }
        if (array.ValueKind != JsonValueKind.Array)
        {
            faults.Add(new(path, "Input should be a list"));
            return [];
        }
        var items = array.EnumerateArray().ToList();
        if (items.Count < least || items.Count > most) faults.Add(new(path, $"List should have {least} to {most} items"));
        return items;
    }
}
