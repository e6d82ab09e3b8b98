using System.Reflection;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Diagnosis;
using KlingFunctions.Pipeline.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The answer to <c>GET /api/health</c> and <c>GET /api/health/ready</c>.</summary>
/// <param name="Status"><c>healthy</c> or <c>ready</c>.</param>
/// <param name="Version">The product's version.</param>
public sealed record Health(string Status, string Version);

/// <summary>The routes about the service itself.</summary>
public sealed partial class ServiceRoutes(StoreCheck store, Doctor doctor, TimeProvider time, ILogger<ServiceRoutes> logger)
{
    // The route is open, and each check costs calls to storage.
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

    /// <summary><c>GET /api/health/ready</c>: jobs can be accepted, because their storage can be read. Otherwise 503.</summary>
    public async Task<IResult> ReadyAsync(HttpContext http)
    {
        // This route is open, but a checkup needs the host's key: clients send it along to the redirect's target.
        if (IsDeep(http.Request)) return Results.Redirect($"{AppBaseUrl.Of(http.Request)}{RouteTable.Doctor}", preserveMethod: true);
        var look = _last;
        if (look is null || time.GetElapsedTime(look.At) >= LookAgainAfter) _last = look = await LookAsync(http.RequestAborted);
        if (look.IsReady) return Results.Json(new Health("ready", Version), PipelineJson.Default.Health);
        return Problem.Unavailable(http, ProblemCode.NotReady, "Jobs can't be accepted at present: what they are kept in can't be used; the log says why.");
    }

    /// <summary><c>GET /api/doctor</c>: checks everything that a job needs, for free. 200 whatever the outcome.</summary>
    public async Task<IResult> DoctorAsync(HttpContext http) => Results.Json(await doctor.ExamineAsync(http.RequestAborted), PipelineJson.Default.Checkup);

    /// <summary>Whether <c>GET /api/health/ready</c> requests a checkup, which needs the key.</summary>
    public static bool IsDeep(HttpRequest request) =>
        request.Path.StartsWithSegments(RouteTable.Ready) && request.Query["deep"].ToString() is ("1" or "true");

    /// <summary><c>GET /api/openapi.json</c>: the OpenAPI 3.1 document, with this host as its server.</summary>
    public static IResult OpenApi(HttpContext http)
    {
        var document = JsonNode.Parse(Document.Value)!.AsObject();
        document["info"]!["version"] = Version;
        document["servers"] = new JsonArray(new JsonObject { ["url"] = AppBaseUrl.Of(http.Request) });
        return Results.Json(document, PipelineJson.Default.JsonObject);
    }

    private async Task<Look> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await store.ReadJobsAsync(cancellationToken);
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
