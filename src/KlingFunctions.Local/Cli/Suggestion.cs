using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Local.Cli;

/// <summary>Suggests a known word for a misspelt one.</summary>
internal static class Suggestion
{
    private const int ShortestPrefix = 3;

    /// <summary>
    /// The known word that begins with this one, or else the nearest; null if none has at most one typing error in three characters.
    /// </summary>
    public static string? For(string written, IEnumerable<string> known)
    {
        var words = known.ToList();
        if (written.TrimStart('-').Length >= ShortestPrefix && words.Find(word => word.StartsWith(written, StringComparison.OrdinalIgnoreCase)) is { } whole) return whole;
        var nearest = NearestName.Of(written, words);
        return NearestName.Distance(written.ToLowerInvariant(), nearest) <= Math.Max(1, written.TrimStart('-').Length / 3) ? nearest : null;
    }
}
