using System.Text.Json;
using System.Text.RegularExpressions;

namespace KlingFunctions.Infra;

/// <summary>A resource that would be deployed.</summary>
internal sealed record Resource(string Type, string Id, string Name, JsonElement Properties)
{
    /// <summary>The text of one of its properties.</summary>
    public string Text(string property) => Properties.GetProperty(property).GetString()!;
}

/// <summary>The deployment as the compiler predicts it. Values that only Azure knows are expressions in brackets.</summary>
internal sealed class Deployment
{
    private Deployment(string name)
    {
        Text = Repository.Read($"tests/KlingFunctions.Infra.Tests/Deployments/{name}.snapshot.json");
        var json = JsonDocument.Parse(Text).RootElement;
        Outputs = json.GetProperty("outputs");
        Resources =
        [
            .. json.GetProperty("predictedResources").EnumerateArray().Select(r => new Resource(
                r.GetProperty("type").GetString()!, r.GetProperty("id").GetString()!, r.GetProperty("name").GetString()!,
                r.TryGetProperty("properties", out var p) ? p : default)),
        ];
    }

    public static Deployment Storage { get; } = new("storage");

    public static Deployment Dts { get; } = new("dts");

    public static IEnumerable<Deployment> Both => [Storage, Dts];

    public string Text { get; }

    public JsonElement Outputs { get; }

    public IReadOnlyList<Resource> Resources { get; }

    public IReadOnlyDictionary<string, string> AppSettings =>
        Only("Microsoft.Web/sites/config").Properties.EnumerateObject().ToDictionary(s => s.Name, s => s.Value.GetString()!);

    public IEnumerable<Resource> Of(string type) => Resources.Where(r => r.Type == type);

    public Resource Only(string type) => Of(type).Single();

    /// <summary>Each role assignment: the id of the role, the type of the resource, and the kind of its holder.</summary>
    public IEnumerable<(string Role, string On, string Holder)> Roles => Of("Microsoft.Authorization/roleAssignments").Select(r => (
        r.Text("roleDefinitionId").Split('/')[^1], Regex.Match(r.Id, @"/providers/(Microsoft\.(?!Authorization)[^/]+/[^/]+)/").Groups[1].Value, r.Text("principalId")));
}
