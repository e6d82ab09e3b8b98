using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>Checks the section <c>Logging</c>: .NET's own errors do not name the setting, and a misspelt name is ignored.</summary>
internal static class LoggingCheck
{
    private const string Section = "Logging";
    private const string Levels = "LogLevel";

    private const int MostSlips = 2;

    /// <summary>Checks names and levels.</summary>
    /// <exception cref="OptionsValidationException">One sentence for each fault.</exception>
    public static void Run(IConfiguration configuration)
    {
        List<string> faults = [.. configuration.GetSection(Section).GetChildren().SelectMany(Faults)];
        if (faults.Count > 0) throw new OptionsValidationException("", typeof(LogLevel), faults);
    }

    private static IEnumerable<string> Faults(IConfigurationSection section)
    {
        if (section.Key.Equals(Levels, StringComparison.OrdinalIgnoreCase)) return LevelFaults(section);
        // Other sections are those of logging providers.
        return NearestName.Distance(section.Key.ToLowerInvariant(), Levels.ToLowerInvariant()) <= MostSlips
            ? section.GetChildren().Select(setting => $"{setting.Path} is no setting that is known: did you mean {Section}:{Levels}:{setting.Key}?")
            : LevelFaults(section.GetSection(Levels));
    }

    private static IEnumerable<string> LevelFaults(IConfigurationSection levels) =>
        from level in levels.GetChildren()
        where level.Value is not null && !Enum.GetNames<LogLevel>().Contains(level.Value, StringComparer.OrdinalIgnoreCase)
        select $"{level.Path} is '{level.Value}': it should be one of {string.Join(", ", Enum.GetNames<LogLevel>())}.";
}
