using System.Reflection;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Http;

/// <summary>What <c>GET /api/health</c> and <c>GET /api/health/ready</c> answer.</summary>
/// <param name="Status"><c>healthy</c> or <c>ready</c>.</param>
/// <param name="Version">The product's version.</param>
public sealed record Health(string Status, string Version);

/// <summary>The routes that tell of the service itself.</summary>
public sealed partial class ServiceRoutes(IJobs jobs, TimeProvider time, ILogger<ServiceRoutes> logger)
{
    // Anybody may ask, and each look costs calls of storage.
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(5);

    private static readonly string Version = typeof(ServiceRoutes).Assembly.GetName().Version!.ToString(3);
    private static readonly Lazy<string> Document = new(() =>
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("openapi.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    });

    private Look? _last;

    /// <summary><c>GET /api/health</c>: the host answers.</summary>
    public static IResult Health() => Results.Json(new Health("healthy", Version), PipelineJson.Default.Health);

    /// <summary><c>GET /api/health/ready</c>: jobs can be accepted, since what they are kept in can be read. Otherwise 503.</summary>
    public async Task<IResult> ReadyAsync(HttpContext http)
    {
        var look = _last;
        if (look is null || time.GetElapsedTime(look.At) >= LookAgainAfter) _last = look = await LookAsync(http.RequestAborted);
        if (look.IsReady) return Results.Json(new Health("ready", Version), PipelineJson.Default.Health);
        return Problem.Unavailable(http, ProblemCode.NotReady, "Jobs can't be accepted at present: what they are kept in can't be used; the log says why.");
    }

    /// <summary><c>GET /api/openapi.json</c>: the OpenAPI 3.1 document, with this host as its server.</summary>
    public static IResult OpenApi(HttpContext http)
    {
        var document = JsonNode.Parse(Document.Value)!.AsObject();
        document["info"]!["version"] = Version;
        document["servers"] = new JsonArray(new JsonObject { ["url"] = BaseUrl.Of(http.Request) });
        return Results.Json(document, PipelineJson.Default.JsonObject);
    }

    private async Task<Look> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await jobs.ListAsync(new(null, 1, null), cancellationToken);
            // The list may be kept elsewhere than the jobs. This one is in no list.
            await jobs.GetAsync(JobIntake.NewId(), cancellationToken);
            return new(time.GetTimestamp(), true);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotReady(logger, e);
            return new(time.GetTimestamp(), false);
        }
    }

    [LoggerMessage(LogLevel.Error, "Jobs can't be accepted: what they are kept in can't be used.")]
    private static partial void LogNotReady(ILogger logger, Exception e);

    private sealed record Look(long At, bool IsReady);
}
