using System.Globalization;
using System.Text.RegularExpressions;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Settings;

/// <summary>
/// Finds settings without their apparent effect, before the binder ignores them: unknown names, and values that are read as something
/// else. A misspelt spending cap would be no cap.
/// </summary>
public static partial class SettingsCheck
{
    // A section this close to a known one, in edits, is a misspelling of it.
    private const int MostSlips = 2;

    // Names without a section are common. Only these are long enough that no other program means something else by them.
    private const int FewestWordsAlone = 3;

    private const string DurationForm = "a duration such as 00:00:05 (hh:mm:ss) or 1.00:00:00 (d.hh:mm:ss), with hours below 24";

    private static readonly Dictionary<Type, ValueForm> Forms = new()
    {
        [typeof(TimeSpan)] = new(IsDuration, DurationForm),
        [typeof(bool)] = new(value => bool.TryParse(value, out _), "true or false"),
        [typeof(int)] = new(value => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _), "a whole number such as 10"),
        [typeof(long)] = new(
            value => long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            "a whole number without a unit, such as 2147483648"),
        [typeof(double)] = new(value => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _), "a number such as 0.5"),
        [typeof(decimal)] = new(
            value => decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _),
            "a number of US dollars with a decimal point and without a unit, such as 10.50"),
    };

    /// <summary>Checks all settings below the known sections, and sections whose name is nearly that of a known one.</summary>
    /// <param name="configuration">The settings.</param>
    /// <param name="sections">The options type of each known section, by the section's name.</param>
    /// <exception cref="OptionsValidationException">One sentence for each fault; it names the key and never the value of a string.</exception>
    public static void Run(IConfiguration configuration, IReadOnlyDictionary<string, Type> sections)
    {
        List<string> faults = [.. configuration.GetChildren().SelectMany(section => Faults(section, sections))];
        if (faults.Count > 0) throw new OptionsValidationException("", typeof(IConfiguration), faults);
    }

    private static IEnumerable<string> Faults(IConfigurationSection section, IReadOnlyDictionary<string, Type> sections)
    {
        // A bare value is not our setting but an environment variable of that name, such as PUBLIC on Windows.
        List<IConfigurationSection> settings = [.. section.GetChildren()];
        if (settings.Count == 0) return SeparatorFaults(section, sections);
        var known = sections.Keys.FirstOrDefault(name => string.Equals(name, section.Key, StringComparison.OrdinalIgnoreCase));
        if (known is not null) return settings.SelectMany(setting => Faults(setting, sections[known]));
        var nearest = NearestName.Of(section.Key, sections.Keys);
        return NearestName.Distance(section.Key.ToLowerInvariant(), nearest.ToLowerInvariant()) > MostSlips ? []
            : settings.Select(setting => $"{setting.Path} is no setting that is known: did you mean {nearest}:{setting.Key}?");
    }

    /// <summary>
    /// A name such as <c>Pipeline_MaxSpendPerDay</c> or <c>MAX_SPEND_PER_DAY</c>. Texts are not checked: other programs have settings such as
    /// <c>RUNCOMFY_API_TOKEN</c> or <c>PUBLIC_URL</c>.
    /// </summary>
    private static IEnumerable<string> SeparatorFaults(IConfigurationSection setting, IReadOnlyDictionary<string, Type> sections)
    {
        var written = Letters(setting.Key);
        return
            from section in sections
            from property in section.Value.GetProperties()
            where property.SetMethod is { IsPublic: true } && property.PropertyType != typeof(string)
            where NearestName.Distance(written, Letters(section.Key + property.Name)) <= 1
                || (property.Name.Count(char.IsUpper) >= FewestWordsAlone && written == Letters(property.Name))
            select $"{setting.Key} is no setting that is known: write {section.Key}:{property.Name}, or {section.Key}__{property.Name} as an environment variable.";
    }

    private static string Letters(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    private static IEnumerable<string> Faults(IConfigurationSection setting, Type options)
    {
        var known = options.GetProperties().Where(p => p.SetMethod is { IsPublic: true }).ToDictionary(p => p.Name, StringComparer.OrdinalIgnoreCase);
        if (!known.TryGetValue(setting.Key, out var property))
            return [$"{setting.Path} is no setting that is known: did you mean {setting.Path[..^setting.Key.Length]}{NearestName.Of(setting.Key, known.Keys)}?"];
        return property.PropertyType == typeof(IList<TimeSpan>) ? ListFaults(setting) : ValueFaults(setting, property.PropertyType);
    }

    private static IEnumerable<string> ListFaults(IConfigurationSection list)
    {
        // JSON's empty list arrives as an empty value.
        if (!string.IsNullOrEmpty(list.Value)) yield return $"{list.Path} is a list: write {list.Path}:0, {list.Path}:1 and so on, each {DurationForm}.";
        foreach (var item in list.GetChildren())
        {
            if (!int.TryParse(item.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                yield return $"{item.Path} is no setting that is known: {list.Path} is a list, write {list.Path}:0, {list.Path}:1 and so on.";
            foreach (var fault in ValueFaults(item, typeof(TimeSpan))) yield return fault;
        }
    }

    private static IEnumerable<string> ValueFaults(IConfigurationSection setting, Type type)
    {
        foreach (var below in setting.GetChildren()) yield return $"{below.Path} is no setting that is known: {setting.Path} is a single value.";
        // Null in JSON counts as absent, like an app setting that is not set.
        // A string may be a secret: it is not checked here, and never quoted.
        if (setting.Value is { } value && Forms.GetValueOrDefault(Nullable.GetUnderlyingType(type) ?? type) is { } form && !form.Reads(value))
            yield return $"{setting.Path} is '{value}': it should be {form.Words}.";
    }

    /// <summary>
    /// .NET would read "2" as two days, "02:00" as two hours instead of two minutes, "24:00:00" as twenty-four days. 0 is the same in every
    /// unit.
    /// </summary>
    private static bool IsDuration(string value) => value is "0" || (Duration.IsMatch(value) && TimeSpan.TryParse(value, CultureInfo.InvariantCulture, out _));

    [GeneratedRegex(@"^-?(\d+\.)?([01]?\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,7})?$", RegexOptions.CultureInvariant)]
    private static partial Regex Duration { get; }

    private sealed record ValueForm(Func<string, bool> Reads, string Words);
}
