namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>The price of a video before it is made, as far as known.</summary>
/// <param name="Amount">The amount; null if not known.</param>
/// <param name="Currency">Its currency.</param>
/// <param name="Per">The unit of the amount: <c>video</c>, or a unit of the catalogue that gives no total.</param>
/// <param name="Source"><c>catalogue</c>: RunComfy's own; <c>setting</c>; <c>simulator</c>: nothing is paid; <c>unknown</c>.</param>
public sealed record Price(decimal? Amount, string? Currency, string? Per, string Source)
{
    /// <summary>The price of one video.</summary>
    public const string PerVideo = "video";

    /// <summary>The price of a second of video.</summary>
    public const string PerSecond = "second";

    /// <summary>The source of a price that is not paid with real money.</summary>
    public const string Simulated = "simulator";

    /// <summary>The currency of RunComfy's catalogue.</summary>
    internal const string Dollars = "USD";

    /// <summary>The price is not known.</summary>
    public static readonly Price Unknown = new(null, null, null, "unknown");

    /// <summary>The total for one video; null if it is not known.</summary>
    internal decimal? Total => Per is PerVideo ? Amount : null;
}

/// <summary>The cost of a video, from RunComfy's result.</summary>
/// <param name="Amount">The amount.</param>
/// <param name="Currency">Its currency.</param>
public sealed record Cost(decimal Amount, string Currency);
