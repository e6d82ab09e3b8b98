namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>The answer to a free call about the account or the catalogue.</summary>
/// <param name="Value">The requested value; null if the call failed.</param>
/// <param name="Fault">Why it failed; null if it did not.</param>
/// <param name="Date">The time of the answer by RunComfy's clock; null without a <c>Date</c> header.</param>
public sealed record AccountAnswer<T>(T? Value, ProviderFault? Fault, DateTimeOffset? Date)
    where T : class;

/// <summary>A model in RunComfy's catalogue.</summary>
/// <param name="PriceUsd">The price of one unit, in US dollars; null if the catalogue names none.</param>
/// <param name="PriceUnit">The unit as the catalogue writes it, such as <c>second</c>.</param>
public sealed record CatalogueEntry(decimal? PriceUsd, string? PriceUnit)
{
    // The words are not documented: "second", "per second", "per_generation" were seen.
    private static readonly string[] Seconds = ["second", "seconds", "sec", "secs", "s"];
    private static readonly string[] Wholes = ["video", "generation", "request", "run", "call", "output"];

    /// <summary>The unit of the price: <c>second</c>, <c>video</c>, or the catalogue's own word; null if it has none.</summary>
    public string? Per
    {
        get
        {
            var unit = (PriceUnit ?? "").Trim().ToLowerInvariant();
            var word = unit.StartsWith("per", StringComparison.Ordinal) ? unit[3..].TrimStart(' ', '_', '-') : unit;
            return Seconds.Contains(word) ? Price.PerSecond : Wholes.Contains(word) ? Price.PerVideo : word.Length > 0 ? word : null;
        }
    }

    /// <summary>The price of a second; null if the price has another unit.</summary>
    public decimal? UsdPerSecond => Per is Price.PerSecond ? PriceUsd : null;
}

/// <summary>The balance of the account.</summary>
/// <param name="Usd">In US dollars.</param>
public sealed record AccountBalance(decimal Usd);

/// <summary>RunComfy knows the token.</summary>
public sealed record KnownToken;
