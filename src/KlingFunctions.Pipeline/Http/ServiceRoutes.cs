using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>What <c>GET /api/health</c> answers.</summary>
/// <param name="Status"><c>healthy</c>.</param>
/// <param name="Version">The product's version.</param>
public sealed record Health(string Status, string Version);

/// <summary>The routes that tell of the service itself.</summary>
public sealed class ServiceRoutes
{
    private static readonly string Version = typeof(ServiceRoutes).Assembly.GetName().Version!.ToString(3);
    private static readonly Lazy<string> Document = new(() =>
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("openapi.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    });

    /// <summary><c>GET /api/health</c>: the host answers.</summary>
    public static IResult Health() => Results.Json(new Health("healthy", Version), PipelineJson.Default.Health);

    /// <summary><c>GET /api/openapi.json</c>: the OpenAPI 3.1 document, with this host as its server.</summary>
    public static IResult OpenApi(HttpContext http)
    {
        var document = JsonNode.Parse(Document.Value)!.AsObject();
        document["info"]!["version"] = Version;
        document["servers"] = new JsonArray(new JsonObject { ["url"] = BaseUrl.Of(http.Request) });
        return Results.Json(document, PipelineJson.Default.JsonObject);
    }
}
