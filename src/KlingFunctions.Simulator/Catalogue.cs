using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator;

/// <summary>The model catalogue, with its one model. Field names are those that RunComfy's own clients read.</summary>
internal static class Catalogue
{
    public const string ModelId = "kling/kling-video-o1/image-to-video/reference";
    private const string DisplayName = "Kling O1 Reference Image to Video";
    private const string Category = "image-to-video";

    public static JsonObject List(string? search, string? category, bool withSchema, int limit, int offset)
    {
        var found = (search is null || $"{ModelId} {DisplayName}".Contains(search, StringComparison.OrdinalIgnoreCase))
            && category is null or Category;
        return new()
        {
            ["models"] = found && offset == 0 && limit > 0 ? new JsonArray(Entry(withSchema)) : [],
            ["total"] = found ? 1 : 0,
            ["limit"] = limit,
            ["offset"] = offset,
        };
    }

    public static JsonObject Categories() => new() { ["categories"] = new JsonArray(Category) };

    public static JsonObject Entry(bool withSchema)
    {
        var entry = new JsonObject
        {
            ["model_id"] = ModelId,
            ["display_name"] = DisplayName,
            ["description"] = "Simulated: every request ends in one of a few prepared clips.",
            ["categories"] = new JsonArray(Category),
            ["base_price_usd"] = 0.112m,
            ["price_unit"] = "second",
            ["pricing_note"] = "Simulated: nothing is charged.",
            ["model_url"] = $"https://www.runcomfy.com/models/{ModelId}",
            ["required_inputs"] = new JsonArray("prompt", "elements", "image_urls"),
        };
        if (withSchema) entry["input_schema"] = JsonNode.Parse(Embedded.Get("input-schema.json"));
        return entry;
    }
}
