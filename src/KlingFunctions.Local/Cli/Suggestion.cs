using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Local.Cli;

/// <summary>Suggests a known word for a misspelt one.</summary>
internal static class Suggestion
{
    /// <summary>The nearest known word; null if none has at most one typing error in three characters.</summary>
    public static string? For(string written, IEnumerable<string> known)
    {
        var nearest = NearestName.Of(written, known);
        return NearestName.Distance(written.ToLowerInvariant(), nearest) <= Math.Max(1, written.TrimStart('-').Length / 3) ? nearest : null;
    }
}
