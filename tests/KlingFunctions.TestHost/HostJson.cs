using System.Text.Json;

namespace KlingFunctions.TestHost;

/// <summary>
/// host.json below the configuration section where the Functions host puts it. App settings such as
/// AzureFunctionsJobHost__extensions__durableTask__hubName override it, as on Azure.
/// </summary>
internal static class HostJson
{
    public const string Section = "AzureFunctionsJobHost";

    public static IEnumerable<KeyValuePair<string, string?>> Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. Flatten(Section, document.RootElement)];
    }

    private static IEnumerable<KeyValuePair<string, string?>> Flatten(string path, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().SelectMany(p => Flatten($"{path}:{p.Name}", p.Value)),
        JsonValueKind.Array => value.EnumerateArray().SelectMany((v, i) => Flatten($"{path}:{i}", v)),
        _ => [new(path, value.ToString())],
    };
}
