using System.Buffers;
using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>The strings in a JSON value, with the place of each.</summary>
internal static class JsonStrings
{
    /// <summary>Every string value (not the names of properties) in the order of the document.</summary>
    public static IEnumerable<(JsonPlace Place, string Value)> In(JsonElement value) => In(value, JsonPlace.Root);

    /// <summary>
    /// The value with each string replaced by the result of <paramref name="replace"/> (called with place and value). All else stays
    /// unchanged, also repeated properties, so that later checks still find every fault.
    /// </summary>
    public static JsonElement Replace(JsonElement value, Func<JsonPlace, string, string> replace)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) Write(writer, value, JsonPlace.Root, replace);
        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private static IEnumerable<(JsonPlace Place, string Value)> In(JsonElement value, JsonPlace place) => value.ValueKind switch
    {
        JsonValueKind.String => [(place, value.GetString()!)],
        JsonValueKind.Array => value.EnumerateArray().SelectMany((item, i) => In(item, place.Child(i))),
        JsonValueKind.Object => value.EnumerateObject().SelectMany(p => In(p.Value, place.Child(p.Name))),
        _ => [],
    };

    private static void Write(Utf8JsonWriter writer, JsonElement value, JsonPlace place, Func<JsonPlace, string, string> replace)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    writer.WritePropertyName(property.Name);
                    Write(writer, property.Value, place.Child(property.Name), replace);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var (i, item) in value.EnumerateArray().Index()) Write(writer, item, place.Child(i), replace);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(replace(place, value.GetString()!));
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
