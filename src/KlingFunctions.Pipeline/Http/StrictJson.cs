using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// Reads a caller's JSON. An unknown or repeated property is an error: if a misspelt filter or decision were ignored, the call would do more
/// than its sender meant.
/// </summary>
internal static class StrictJson
{
    private static readonly JsonSerializerOptions Options = new(PipelineJson.Default.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
    };

    /// <summary>The value of the body.</summary>
    /// <exception cref="JsonException">The body is not such a value.</exception>
    public static T? Read<T>(ReadOnlyMemory<byte> utf8) => JsonSerializer.Deserialize(utf8.Span, (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T)));
}
