using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The wording of callers' values in messages.</summary>
internal static class Wording
{
    /// <summary>The noun for a value's type.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };

    /// <summary>The caller's <paramref name="text"/> for use in a sentence: in quotes, on one line, and short.</summary>
    public static string Quote(string text)
    {
        const int Most = 40;
        var cut = text.Length <= Most ? text : text[..(char.IsHighSurrogate(text[Most - 1]) ? Most - 1 : Most)] + "…";
        return $"\"{new string([.. cut.Select(c => char.IsControl(c) ? ' ' : c)])}\"";
    }
}
