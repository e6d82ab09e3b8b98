namespace KlingFunctions.Pipeline.Requests;

/// <summary>Finds the name that somebody most probably meant.</summary>
public static class NearestName
{
    /// <summary>The one of <paramref name="known"/> that the fewest slips turn <paramref name="written"/> into, the case of letters aside.</summary>
    public static string Of(string written, IEnumerable<string> known)
    {
        // No known name is nearly as long, so what follows cannot change the choice, only cost time.
        var start = written[..Math.Min(written.Length, 64)].ToLowerInvariant();
        return known.MinBy(name => Distance(start, name.ToLowerInvariant()))!;
    }

    /// <summary>
    /// The Damerau-Levenshtein distance in its restricted form (optimal string alignment): how many characters have to be put in,
    /// left out, replaced, or swapped with their neighbour to turn one text into the other.
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
