using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Local.Cli;

/// <summary>What somebody probably meant to type.</summary>
internal static class Suggestion
{
    /// <summary>The known word that is nearest; null where none is near: one slip in three characters.</summary>
    public static string? For(string written, IEnumerable<string> known)
    {
        var nearest = NearestName.Of(written, known);
        return NearestName.Distance(written.ToLowerInvariant(), nearest) <= Math.Max(1, written.TrimStart('-').Length / 3) ? nearest : null;
    }
}
