using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>The same text for all JSON texts of equal meaning: properties in ordinal order, no white space, one way to escape.</summary>
/// <remarks>Numbers stay as written: 1 and 1.0 differ, which errs on the side of refusing a reused key.</remarks>
internal static class CanonicalJson
{
    /// <summary>SHA-256, in lower-case hex, over the canonical form of a request.</summary>
    public static string Fingerprint(JsonElement input, string? webhookUrl, WebhookHeader? webhookHeader, JsonElement? metadata) => HashOf(writer =>
    {
        writer.WriteStartArray();
        Write(writer, input);
        writer.WriteStringValue(webhookUrl);
        // No header, no bytes: jobs of older versions keep their fingerprints.
        if (webhookHeader is not null)
        {
            writer.WriteStringValue(webhookHeader.Name.ToLowerInvariant());
            writer.WriteStringValue(webhookHeader.Value);
        }
        if (metadata is { } value) Write(writer, value);
        else writer.WriteNullValue();
        writer.WriteEndArray();
    });

    /// <summary>SHA-256, in lower-case hex, over the canonical form of a JSON text; or over the bytes if they are not JSON.</summary>
    public static string Fingerprint(ReadOnlySpan<byte> utf8) =>
        JsonBody.Parse(utf8, out _) is { } value ? HashOf(writer => Write(writer, value)) : Convert.ToHexStringLower(SHA256.HashData(utf8));

    private static string HashOf(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) write(writer);
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(property.Name);
                    Write(writer, property.Value);
                }
                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray()) Write(writer, item);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(value.GetString());
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
