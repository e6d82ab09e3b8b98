using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Http;
using NJsonSchema;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>The OpenAPI document as it is embedded, read as plain JSON.</summary>
internal static class ApiDocument
{
    private static readonly Lazy<string> Embedded = new(() =>
    {
        using var reader = new StreamReader(typeof(RouteTable).Assembly.GetManifestResourceStream("openapi.json")!);
        return reader.ReadToEnd();
    });

    private static readonly ConcurrentDictionary<string, Task<JsonSchema>> Validators = [];

    public static string Text => Embedded.Value;

    public static JsonObject Json { get; } = JsonNode.Parse(Text)!.AsObject();

    public static JsonObject Schemas => Json["components"]!["schemas"]!.AsObject();

    /// <summary>All operations: method, path and definition.</summary>
    public static IEnumerable<(string Method, string Path, JsonObject Operation)> Operations =>
        from path in Json["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select (operation.Key.ToUpperInvariant(), path.Key, operation.Value!.AsObject());

    /// <summary>The node, or the target of its reference.</summary>
    public static JsonObject Follow(JsonNode node)
    {
        while (node["$ref"] is { } reference)
            node = reference.GetValue<string>().TrimStart('#', '/').Split('/').Aggregate((JsonNode)Json, (at, name) => at[name]!);
        return node.AsObject();
    }

    /// <summary>The faults of a value by one of the schemas; empty if it is valid.</summary>
    public static async Task<IReadOnlyList<string>> FaultsAsync(string schema, string json) =>
        [.. (await Validators.GetOrAdd(schema, ValidatorAsync)).Validate(json).Select(e => e.ToString())];

    /// <summary>The name of the schema to which a node refers.</summary>
    public static string SchemaOf(JsonNode media) => media["schema"]!["$ref"]!.GetValue<string>().Split('/')[^1];

    private static Task<JsonSchema> ValidatorAsync(string schema)
    {
        // The validator knows definitions, not components; a schema means the same under either.
        var root = Schemas[schema]!.DeepClone();
        root["definitions"] = Schemas.DeepClone();
        return JsonSchema.FromJsonAsync(root.ToJsonString().Replace("#/components/schemas/", "#/definitions/", StringComparison.Ordinal));
    }
}
