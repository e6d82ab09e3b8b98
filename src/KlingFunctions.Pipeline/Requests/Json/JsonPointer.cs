using System.Globalization;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>RFC 6901 pointers.</summary>
internal static class JsonPointer
{
    public static string Child(string parent, string name) =>
        $"{parent}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    public static string Child(string parent, int index) => string.Create(CultureInfo.InvariantCulture, $"{parent}/{index}");
}
