using System.ComponentModel;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator;

/// <summary>Reads knobs from settings. An error for a wrong name or value suggests the nearest one.</summary>
public static class Knobs
{
    /// <summary>The section of the settings.</summary>
    public const string Section = "Simulator";

    /// <summary>The behaviour in the settings below <see cref="Section"/>.</summary>
    /// <exception cref="FormatException">A name or value is wrong: the message is one sentence for the person who set it.</exception>
    public static Behaviour Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(Section);
        if (Fault(section, typeof(Behaviour), $"{Section}:", ':', name => name) is { } fault) throw new FormatException(fault);
        return section.Get<Behaviour>() ?? new();
    }

    /// <summary>The fault in knobs given as JSON, in a sentence; null if there is none.</summary>
    internal static string? Fault(JsonObject changes)
    {
        using var json = new MemoryStream(Encoding.UTF8.GetBytes(changes.ToJsonString()));
        return Fault(new ConfigurationBuilder().AddJsonStream(json).Build(), typeof(Behaviour), "", '.', JsonNamingPolicy.SnakeCaseLower.ConvertName);
    }

    private static string? Fault(IConfiguration given, Type type, string path, char separator, Func<string, string> spell)
    {
        var names = type.GetProperties().Where(property => property.CanWrite).ToDictionary(property => spell(property.Name), property => property.PropertyType, StringComparer.OrdinalIgnoreCase);
        foreach (var child in given.GetChildren())
        {
            if (!names.TryGetValue(child.Key, out var knob))
                return $"There is no knob '{path}{child.Key}': did you mean '{path}{Nearest(child.Key, names.Keys)}'? GET /simulator/knobs lists them all.";
            if (FaultOfValue(child, knob, path + child.Key, separator, spell) is { } fault) return fault;
        }
        return null;
    }

    private static string? FaultOfValue(IConfigurationSection given, Type type, string name, char separator, Func<string, string> spell)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsGenericType)
            return given.GetChildren().Select(item => FaultOfValue(item, type.GetGenericArguments()[0], $"{name}{separator}{item.Key}", separator, spell)).FirstOrDefault(fault => fault is not null);
        if (!type.IsEnum && type.Namespace == typeof(Behaviour).Namespace) return Fault(given, type, name + separator, separator, spell);
        if (given.Value is not { Length: > 0 } value) return null;
        if (!type.IsEnum) return CanConvert(type, value) ? null : $"'{value}' is no value of {name}: give {Form(type)}.";
        var known = Enum.GetNames(type);
        var wrong = value.Split(',', StringSplitOptions.TrimEntries).FirstOrDefault(word => !known.Contains(word, StringComparer.OrdinalIgnoreCase));
        return wrong is null ? null : $"'{wrong}' is no value of {name}: did you mean '{Nearest(wrong, known)}'? It is one of {string.Join(", ", known)}.";
    }

    private static bool CanConvert(Type type, string value)
    {
        try
        {
            TypeDescriptor.GetConverter(type).ConvertFromInvariantString(value);
            return true;
        }
        // Converters wrap their exceptions.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return false;
        }
    }

    private static string Form(Type type) =>
        type == typeof(TimeSpan) ? "a time as hh:mm:ss"
        : type == typeof(bool) ? "true or false"
        : type == typeof(decimal) || type == typeof(double) ? "a number"
        : "a whole number";

    private static string Nearest(string written, IEnumerable<string> known) => known.MinBy(name => Distance(written.ToLowerInvariant(), name.ToLowerInvariant()))!;

    /// <summary>The Levenshtein distance.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            (var diagonal, row[0]) = (row[0], i);
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
