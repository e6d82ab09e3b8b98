using System.Globalization;

namespace KlingFunctions.ComplianceTests;

/// <summary>The figures of docs/cost.md, with which tests compare what they count.</summary>
public static class CostDocument
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "cost.md"));

    /// <summary>The whole numbers in a row of a table, in order; cells without a number are skipped.</summary>
    /// <param name="label">The first cell of the row.</param>
    public static IReadOnlyList<long> Row(string label)
    {
        var row = Lines.SingleOrDefault(line => line.StartsWith($"| {label} |", StringComparison.Ordinal))
            ?? throw new KeyNotFoundException($"docs/cost.md has no row '{label}'.");
        var numbers = new List<long>();
        foreach (var cell in row.Split('|').Skip(2))
        {
            if (long.TryParse(cell, NumberStyles.AllowThousands | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number))
                numbers.Add(number);
        }
        return numbers;
    }
}
