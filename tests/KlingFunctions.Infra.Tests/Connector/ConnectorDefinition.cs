using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KlingFunctions.Infra.Connector;

/// <summary>
/// Generates the connector's Swagger 2.0 document from the API's OpenAPI document, so that only one is maintained. Additions for the
/// connector are in <c>infra/connector.merge-patch.json</c>, a JSON Merge Patch (RFC 7396) on the OpenAPI document.
/// </summary>
internal static class ConnectorDefinition
{
    public const string File = "infra/connector/apiDefinition.swagger.json";

    private static readonly JsonSerializerOptions Layout = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] Methods = ["get", "post", "put", "delete", "patch"];
    private static readonly string[] HeadersThatThePlatformReads = ["Location", "Retry-After"];

    /// <summary>The schema keywords that the platform's designer and Swagger 2.0 support.</summary>
    private static readonly string[] Keywords =
        ["type", "format", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "required"];

    private static readonly Dictionary<string, string> Words = new() { ["id"] = "ID", ["url"] = "URL", ["urls"] = "URLs", ["sha256"] = "SHA256" };

    public static string Generate()
    {
        var api = (JsonObject)Merge(Read("src/KlingFunctions.Pipeline/Http/openapi.json"), Read("infra/connector.merge-patch.json"))!;
        var definitions = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
        var paths = new JsonObject();
        foreach (var (path, item) in api["paths"]!.AsObject())
        {
            if (PathItem(api, item!.AsObject(), definitions) is { } converted) paths[path] = converted;
        }
        // A definition may refer to others: convert until none is missing.
        for (var missing = Missing(); missing.Count > 0; missing = Missing())
        {
            foreach (var name in missing) definitions[name] = Schema(api, Component(api, "schemas", name), definitions);
        }
        var document = new JsonObject
        {
            ["swagger"] = "2.0",
            ["info"] = Info(api["info"]!.AsObject()),
            ["host"] = "example.azurewebsites.net",
            ["basePath"] = "/",
            ["schemes"] = new JsonArray("https"),
            ["consumes"] = new JsonArray("application/json"),
            ["produces"] = new JsonArray("application/json"),
            ["paths"] = paths,
            ["definitions"] = new JsonObject(definitions.Select(d => KeyValuePair.Create(d.Key, (JsonNode?)d.Value))),
            ["securityDefinitions"] = SecurityDefinitions(api),
            ["security"] = api["security"]!.DeepClone(),
        };
        CopyExtensions(api, document);
        return document.ToJsonString(Layout) + "\n";

        List<string> Missing() => [.. definitions.Where(d => d.Value.GetValueKind() == JsonValueKind.Null || d.Value is JsonValue).Select(d => d.Key)];
    }

    /// <summary>JSON Merge Patch: objects are merged, null removes, anything else replaces.</summary>
    private static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();
        var merged = target is JsonObject ? (JsonObject)target.DeepClone() : [];
        foreach (var (name, value) in changes)
        {
            if (value is null) merged.Remove(name);
            else merged[name] = Merge(merged[name], value);
        }
        return merged;
    }

    private static JsonObject Info(JsonObject info) => new()
    {
        ["title"] = info["title"]!.DeepClone(),
        ["version"] = info["version"]!.DeepClone(),
        ["description"] = info["description"]!.DeepClone(),
        ["contact"] = info["contact"]!.DeepClone(),
    };

    private static JsonObject SecurityDefinitions(JsonObject api) => new(api["components"]!["securitySchemes"]!.AsObject().Select(scheme =>
        KeyValuePair.Create(scheme.Key, (JsonNode?)new JsonObject
        {
            ["type"] = scheme.Value!["type"]!.DeepClone(),
            ["in"] = scheme.Value["in"]!.DeepClone(),
            ["name"] = scheme.Value["name"]!.DeepClone(),
        })));

    private static JsonObject? PathItem(JsonObject api, JsonObject item, IDictionary<string, JsonNode> definitions)
    {
        var converted = new JsonObject();
        CopyExtensions(item, converted);
        if (converted["x-ms-notification-content"] is JsonObject content) content["schema"] = SchemaOf(api, content["schema"]!.AsObject(), definitions);
        var operations = item.Where(o => Methods.Contains(o.Key) && !IsOpen(o.Value!)).ToList();
        foreach (var (method, operation) in operations) converted[method] = Operation(api, operation!.AsObject(), definitions);
        return operations.Count > 0 ? converted : null;
    }

    /// <summary>Whether the route needs no key (health, signed links), and so is not for users of a connection.</summary>
    private static bool IsOpen(JsonNode operation) => operation["security"] is JsonArray { Count: 0 };

    private static JsonObject Operation(JsonObject api, JsonObject operation, IDictionary<string, JsonNode> definitions)
    {
        var id = operation["operationId"]!.GetValue<string>();
        var converted = new JsonObject
        {
            ["operationId"] = char.ToUpperInvariant(id[0]) + id[1..],
            ["summary"] = Text(operation["summary"]!),
            ["description"] = Text(operation["description"]!),
        };
        CopyExtensions(operation, converted);
        converted["x-ms-visibility"] ??= "advanced";
        var responses = operation["responses"]!.AsObject().Select(r => (Status: r.Key, Response: Resolve(api, r.Value!.AsObject()))).OrderBy(r => r.Status, StringComparer.Ordinal).ToList();
        if (responses.Any(r => FileOf(r.Response) is not null)) converted["produces"] = new JsonArray("application/octet-stream");
        var parameters = (operation["parameters"]?.AsArray() ?? []).Select(p => (JsonNode?)Parameter(api, Resolve(api, p!.AsObject()), definitions));
        if (operation["requestBody"]?["content"] is JsonObject kinds && !kinds.ContainsKey("application/json")) converted["consumes"] = new JsonArray("application/octet-stream");
        if (operation["requestBody"] is JsonObject body) parameters = parameters.Append(Body(api, body, definitions));
        converted["parameters"] = new JsonArray([.. parameters]);
        converted["responses"] = new JsonObject(responses.Select(r => KeyValuePair.Create(r.Status, (JsonNode?)Response(api, r.Response, definitions))));
        return converted;
    }

    private static JsonObject Parameter(JsonObject api, JsonObject parameter, IDictionary<string, JsonNode> definitions)
    {
        var name = parameter["name"]!.GetValue<string>();
        var place = parameter["in"]!.GetValue<string>();
        var converted = new JsonObject
        {
            ["name"] = name,
            ["in"] = place,
            ["required"] = parameter["required"]?.GetValue<bool>() ?? false,
            ["x-ms-summary"] = Title(name),
            ["description"] = Text(parameter["description"]!),
        };
        CopyExtensions(parameter, converted);
        if (place == "path") converted["x-ms-url-encoding"] = "single";
        foreach (var (keyword, value) in SchemaOf(api, parameter["schema"]!.AsObject(), definitions))
        {
            if (keyword != "description" && keyword != "pattern") converted[keyword] = value!.DeepClone();
        }
        return converted;
    }

    private static JsonObject Body(JsonObject api, JsonObject body, IDictionary<string, JsonNode> definitions)
    {
        if (body["content"]!["application/json"] is null)
        {
            return new()
            {
                ["name"] = "body",
                ["in"] = "body",
                ["required"] = body["required"]?.GetValue<bool>() ?? false,
                ["x-ms-summary"] = "File Content",
                ["description"] = Text(body["description"]!),
                ["schema"] = new JsonObject { ["type"] = "string", ["format"] = "binary" },
            };
        }
        var schema = SchemaOf(api, body["content"]!["application/json"]!["schema"]!.AsObject(), definitions);
        var description = schema["description"]!.DeepClone();
        schema.Remove("description");
        return new()
        {
            ["name"] = "body",
            ["in"] = "body",
            ["required"] = body["required"]?.GetValue<bool>() ?? false,
            ["x-ms-summary"] = schema.ContainsKey("items") ? "Requests" : "Request",
            ["description"] = description,
            ["schema"] = schema,
        };
    }

    private static JsonObject Response(JsonObject api, JsonObject response, IDictionary<string, JsonNode> definitions)
    {
        var converted = new JsonObject { ["description"] = Text(response["description"]!) };
        if (FileOf(response) is not null)
        {
            converted["schema"] = new JsonObject { ["type"] = "string", ["format"] = "binary" };
        }
        else if (response["content"] is JsonObject content)
        {
            var schema = content.First().Value!["schema"]!.AsObject();
            converted["schema"] = new JsonObject { ["$ref"] = SchemaOf(api, schema, definitions)["$ref"]!.DeepClone() };
        }
        var headers = (response["headers"]?.AsObject() ?? []).Where(h => HeadersThatThePlatformReads.Contains(h.Key)).Select(h =>
        {
            var header = Resolve(api, h.Value!.AsObject());
            return KeyValuePair.Create(h.Key, (JsonNode?)new JsonObject { ["type"] = header["schema"]!["type"]!.DeepClone(), ["description"] = Text(header["description"]!) });
        }).ToList();
        if (headers.Count > 0) converted["headers"] = new JsonObject(headers);
        return converted;
    }

    private static JsonNode? FileOf(JsonObject response) =>
        (response["content"] as JsonObject)?.Select(c => c.Value!["schema"]).FirstOrDefault(s => s?["format"]?.GetValue<string>() == "binary");

    /// <summary>Keeps a reference to an object, with the description of its target; any other schema is written inline.</summary>
    private static JsonObject SchemaOf(JsonObject api, JsonObject schema, IDictionary<string, JsonNode> definitions)
    {
        if (schema["$ref"] is not { } reference) return Schema(api, schema, definitions);
        var name = reference.GetValue<string>().Split('/')[^1];
        var target = Component(api, "schemas", name);
        if (target["type"]?.GetValue<string>() != "object") return SchemaOf(api, target, definitions);
        // A placeholder: Generate converts definitions that are referred to and missing.
        if (!definitions.ContainsKey(name)) definitions[name] = JsonValue.Create(name);
        return new() { ["$ref"] = $"#/definitions/{name}", ["description"] = Text(target["description"]!) };
    }

    private static JsonObject Schema(JsonObject api, JsonObject schema, IDictionary<string, JsonNode> definitions)
    {
        var converted = new JsonObject();
        foreach (var keyword in Keywords)
        {
            // The designer shows the default of a list or an object as text.
            if (schema[keyword] is { } value && !(keyword == "default" && value is JsonArray or JsonObject)) converted[keyword] = value.DeepClone();
        }
        if (schema["description"] is { } description) converted["description"] = Text(description);
        CopyExtensions(schema, converted);
        if (schema["items"] is JsonObject items) converted["items"] = SchemaOf(api, items, definitions);
        if (schema["additionalProperties"] is JsonValue any && any.TryGetValue<bool>(out var allowed) && allowed) converted["additionalProperties"] = new JsonObject();
        if (schema["properties"] is not JsonObject properties) return converted;
        converted["properties"] = new JsonObject(properties.Select(p =>
        {
            var property = new JsonObject { ["x-ms-summary"] = Title(p.Key) };
            foreach (var (keyword, value) in SchemaOf(api, p.Value!.AsObject(), definitions)) property[keyword] = value?.DeepClone();
            return KeyValuePair.Create(p.Key, (JsonNode?)property);
        }));
        return converted;
    }

    private static JsonObject Resolve(JsonObject api, JsonObject node)
    {
        if (node["$ref"] is not { } reference) return node;
        var steps = reference.GetValue<string>().Split('/');
        return Component(api, steps[^2], steps[^1]);
    }

    private static JsonObject Component(JsonObject api, string kind, string name) => api["components"]![kind]![name]!.AsObject();

    private static void CopyExtensions(JsonObject from, JsonObject to)
    {
        foreach (var (name, value) in from.Where(p => p.Key.StartsWith("x-ms-", StringComparison.Ordinal))) to[name] = value!.DeepClone();
    }

    /// <summary>The text in ASCII and without Markdown, which the designer would show literally.</summary>
    private static string Text(JsonNode text)
    {
        var plain = new StringBuilder(text.GetValue<string>()).Replace("`", "").Replace("…", "...").Replace("×", "x").Replace("\n\n", " ").ToString();
        return plain.All(char.IsAscii) ? plain : throw new InvalidOperationException($"A connector's texts are ASCII: {plain}");
    }

    /// <summary>The name of a property or parameter as a title.</summary>
    private static string Title(string name) =>
        string.Join(' ', name.Split('_', '-').Select(word => Words.GetValueOrDefault(word) ?? char.ToUpperInvariant(word[0]) + word[1..]));

    private static JsonNode Read(string path) => JsonNode.Parse(Repository.Read(path))!;
}
