using System.Globalization;

namespace KlingFunctions.Contracts;

/// <summary>The figures of docs/cost.md. What tests count is held against them, so that neither goes its own way.</summary>
public static class CostDocument
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "cost.md"));

    /// <summary>The whole numbers in a row of a table, in order; a cell without one is passed over.</summary>
    /// <param name="label">What the row begins with.</param>
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
