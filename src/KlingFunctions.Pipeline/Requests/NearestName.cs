namespace KlingFunctions.Pipeline.Requests;

/// <summary>Finds the most probable known name for a misspelt one.</summary>
public static class NearestName
{
    /// <summary>
    /// The name in <paramref name="known"/> at the smallest edit distance from <paramref name="written"/>, ignoring case.
    /// </summary>
    public static string Of(string written, IEnumerable<string> known)
    {
        // No known name is nearly as long: further characters cannot change the choice, only cost time.
        var start = written[..Math.Min(written.Length, 64)].ToLowerInvariant();
        return known.MinBy(name => Distance(start, name.ToLowerInvariant()))!;
    }

    /// <summary>
    /// The Damerau-Levenshtein distance in its restricted form (optimal string alignment): the number of characters to insert, delete,
    /// replace, or swap with their neighbour to turn one text into the other.
    /// </summary>
    public static int Distance(string a, string b)
    {
        var (before, last, row) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++) last[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(Math.Min(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
            (before, last, row) = (last, row, before);
        }
        return last[b.Length];
    }
}
