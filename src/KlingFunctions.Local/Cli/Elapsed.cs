using System.Globalization;

namespace KlingFunctions.Local.Cli;

/// <summary>Formats a duration for people.</summary>
internal static class Elapsed
{
    /// <summary>Gives, for example, <c>4.2 s</c>, <c>3:07 min</c> or <c>1:03:07 h</c>.</summary>
    public static string Of(TimeSpan span) => span switch
    {
        { TotalSeconds: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, span.TotalSeconds):0.0} s"),
        { TotalMinutes: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalMinutes}:{span.Seconds:00} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours}:{span.Minutes:00}:{span.Seconds:00} h"),
    };
}
