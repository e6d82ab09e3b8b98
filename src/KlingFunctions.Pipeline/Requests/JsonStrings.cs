using System.Buffers;
using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The texts inside of a JSON value, with the place of each.</summary>
internal static class JsonStrings
{
    /// <summary>Every string value (not the names of properties) in the order of the document.</summary>
    public static IEnumerable<(string Pointer, string Value)> In(JsonElement value, string pointer = "") => value.ValueKind switch
    {
        JsonValueKind.String => [(pointer, value.GetString()!)],
        JsonValueKind.Array => value.EnumerateArray().SelectMany((item, i) => In(item, JsonPointer.Child(pointer, i))),
        JsonValueKind.Object => value.EnumerateObject().SelectMany(p => In(p.Value, JsonPointer.Child(pointer, p.Name))),
        _ => [],
    };

    /// <summary>
    /// The same value with each string that <paramref name="replace"/> answers for (given pointer and value) replaced. All else stays
    /// as it is, properties that are there twice too, so that whatever is wrong with the value is still found in it.
    /// </summary>
    public static JsonElement Replace(JsonElement value, Func<string, string, string> replace)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) Write(writer, value, "", replace);
        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value, string pointer, Func<string, string, string> replace)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject())
                {
                    writer.WritePropertyName(property.Name);
                    Write(writer, property.Value, JsonPointer.Child(pointer, property.Name), replace);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var (i, item) in value.EnumerateArray().Index()) Write(writer, item, JsonPointer.Child(pointer, i), replace);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(replace(pointer, value.GetString()!));
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
