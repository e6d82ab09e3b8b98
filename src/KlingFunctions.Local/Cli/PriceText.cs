using System.Globalization;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Local.Cli;

/// <summary>Formats prices for people. An unknown price is shown as unknown.</summary>
internal static class PriceText
{
    /// <summary>The price of a video.</summary>
    public static string Of(Price? price) => price switch
    {
        null or { Amount: null } => "not known: RunComfy's catalogue gives none, and RunComfy:PricePerSecond sets none",
        { Source: Price.Simulated } => "simulated, nothing is paid",
        { Per: Price.PerVideo } => $"{Of(price.Amount.Value, price.Currency)} for this video",
        _ => $"{Of(price.Amount.Value, price.Currency)} a {price.Per}",
    };

    /// <summary>An amount of money.</summary>
    public static string Of(decimal amount, string? currency) => string.Create(CultureInfo.InvariantCulture, $"{amount:0.00##} {currency}");

    /// <summary>Whether an ended job was paid for.</summary>
    public static string Of(Payment? paid) => paid switch
    {
        Payment.No => "no",
        Payment.Yes => "yes",
        _ => "perhaps: check RunComfy's Generations page",
    };
}
