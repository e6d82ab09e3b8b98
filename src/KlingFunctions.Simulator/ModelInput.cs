using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>What is wrong with an input, and where.</summary>
internal sealed record InputFault(IReadOnlyList<string> Path, string Message);

/// <summary>The schema of kling/kling-video-o1/image-to-video/reference, as its page documents it.</summary>
internal static class ModelInput
{
    private const int MostReferences = 7;
    private const int MostElementImages = 4;

    /// <summary>The price in US dollars. RunComfy's own is unknown; fal asks 0.112 a second for this model.</summary>
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
        // data: URIs are undocumented, but RunComfy's own ComfyUI nodes send them.
        var good = value.ValueKind == JsonValueKind.String && Uri.TryCreate(value.GetString(), UriKind.Absolute, out var uri)
            && uri.Scheme is "https" or "http" or "data";
        if (!good) faults.Add(new(path, "Input should be a valid image URL"));
    }

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
