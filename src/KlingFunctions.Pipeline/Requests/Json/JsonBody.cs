using System.Text.Json;
using System.Text.Unicode;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>Parses a caller's bytes as JSON in which every string is valid Unicode.</summary>
internal static class JsonBody
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The JSON value of <paramref name="utf8"/>, or <see langword="null"/> and a sentence that says what is wrong.</summary>
    /// <param name="utf8">The bytes.</param>
    /// <param name="fault">The sentence.</param>
    /// <param name="firstLine">The number of the first line in the caller's file.</param>
    public static JsonElement? Parse(ReadOnlySpan<byte> utf8, out string? fault, int firstLine = 1)
    {
        if (utf8.StartsWith(ByteOrderMark)) utf8 = utf8[ByteOrderMark.Length..];
        if (utf8.IsEmpty)
        {
            fault = "The request is empty: it must be a JSON object.";
            return null;
        }
        if (!Utf8.IsValid(utf8))
        {
            fault = "The request is not UTF-8: save or send it in that encoding.";
            return null;
        }
        try
        {
            // An escape can encode half of a surrogate pair, which System.Text.Json detects only when the string is read.
            var reader = new Utf8JsonReader(utf8);
            while (reader.Read())
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) reader.GetString();
            fault = null;
            return JsonElement.Parse(utf8);
        }
        catch (JsonException e)
        {
            fault = $"The request is not valid JSON: look at line {e.LineNumber + firstLine}, near byte {e.BytePositionInLine + 1} of it.";
            return null;
        }
        catch (InvalidOperationException)
        {
            fault = "The request is not valid JSON: a text holds one half of a \\uD8xx\\uDCxx pair without the other.";
            return null;
        }
    }

    /// <summary>Whether these bytes are the beginning of a JSON value: a file that is still being written.</summary>
    public static bool IsCutOff(ReadOnlySpan<byte> utf8)
    {
        if (Parse(utf8, out _) is not null) return false;
        if (utf8.StartsWith(ByteOrderMark)) utf8 = utf8[ByteOrderMark.Length..];
        // Some systems first create a file at full length, filled with zeros.
        if (utf8.IsEmpty || utf8.Contains((byte)0)) return true;
        try
        {
            var reader = new Utf8JsonReader(utf8, isFinalBlock: false, default);
            while (reader.Read())
            {
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
