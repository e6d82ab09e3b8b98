using System.Text.Json.Nodes;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Local.Mcp;

/// <summary>
/// The schema of a tool's arguments: a request's schema from the API document, without references, and with files of this machine as
/// images.
/// </summary>
internal static class RequestSchema
{
    private const string Image = "An https URL, an asset: URL of the host, or the absolute path of a JPEG, PNG or WebP file on this machine.";
    private const string Reference = "#/components/schemas/";

    /// <summary>A new copy of the schema.</summary>
    public static JsonObject Create()
    {
        using var stream = typeof(PipelineJson).Assembly.GetManifestResourceStream("openapi.json")!;
        var schemas = JsonNode.Parse(stream)!["components"]!["schemas"]!.AsObject();
        schemas["ImageUrl"] = ImageSchema();
        schemas["Element"]!["properties"]!["frontal_image_url"] = ImageSchema();
        var request = Inlined(schemas["VideoRequest"]!, schemas).AsObject();
        // A secret, which does not belong in an agent's context.
        request["properties"]!.AsObject().Remove("webhook_header");
        return request;
    }

    private static JsonObject ImageSchema() => new() { ["type"] = "string", ["description"] = Image };

    private static JsonNode Inlined(JsonNode node, JsonObject schemas) => node switch
    {
        JsonObject reference when reference["$ref"]?.GetValue<string>() is { } name => Inlined(schemas[name[Reference.Length..]]!, schemas),
        JsonObject members => new JsonObject(members.Select(member => KeyValuePair.Create(member.Key, member.Value is { } value ? Inlined(value, schemas) : null))),
        JsonArray items => new JsonArray([.. items.Select(item => item is null ? null : Inlined(item, schemas))]),
        _ => node.DeepClone(),
    };
}
