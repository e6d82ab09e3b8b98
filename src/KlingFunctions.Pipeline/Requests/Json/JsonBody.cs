using System.Text.Json;
using System.Text.Unicode;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>Bytes of a caller as JSON of which every text can be read.</summary>
internal static class JsonBody
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>The JSON value of <paramref name="utf8"/>, or <see langword="null"/> and the sentence that says what is wrong.</summary>
    public static JsonElement? Parse(ReadOnlySpan<byte> utf8, out string? fault)
    {
        if (utf8.StartsWith(ByteOrderMark)) utf8 = utf8[ByteOrderMark.Length..];
        if (utf8.IsEmpty)
        {
            fault = "The body is empty: send a JSON object.";
            return null;
        }
        if (!Utf8.IsValid(utf8))
        {
            fault = "The body is not UTF-8: save or send it in that encoding.";
            return null;
        }
        try
        {
            // An escape can stand for half of a surrogate pair, which System.Text.Json finds only when the text is asked for.
            var reader = new Utf8JsonReader(utf8);
            while (reader.Read())
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) reader.GetString();
            fault = null;
            return JsonElement.Parse(utf8);
        }
        catch (JsonException e)
        {
            fault = $"The body is not valid JSON: look at line {e.LineNumber + 1}, near byte {e.BytePositionInLine + 1} of it.";
            return null;
        }
        catch (InvalidOperationException)
        {
            fault = "The body is not valid JSON: a text holds one half of a \\uD8xx\\uDCxx pair without the other.";
            return null;
        }
    }

    /// <summary>Whether these bytes are no JSON value yet, and more bytes could make them one: a file that is still being written.</summary>
    public static bool IsCutOff(ReadOnlySpan<byte> utf8)
    {
        if (Parse(utf8, out _) is not null) return false;
        if (utf8.StartsWith(ByteOrderMark)) utf8 = utf8[ByteOrderMark.Length..];
        // Some systems give a file its length first, filled with zeros.
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
