using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Every route of both hosts.</summary>
public static class RouteTable
{
    /// <summary>The health route: it and those below it need no key.</summary>
    public const string Health = "/api/health";

    /// <summary>The readiness route: whether jobs can be accepted.</summary>
    public const string Ready = $"{Health}/ready";

    /// <summary>The checkup route. It needs the key: it makes calls, and reports on the account.</summary>
    public const string Doctor = "/api/doctor";

    // The server omits the body of an answer to HEAD.
    private static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps all routes.</summary>
    public static void MapPipeline(this IEndpointRouteBuilder app)
    {
        app.MapPost("/api/videos", (HttpContext http, VideoRoutes routes) => routes.SubmitAsync(http));
        app.MapPost("/api/videos/validate", (HttpContext http, VideoRoutes routes) => routes.ValidateAsync(http));
        app.MapPost("/api/videos/batch", (HttpContext http, BatchRoutes routes) => routes.SubmitAsync(http));
        app.MapPost("/api/videos/cancel", (HttpContext http, BulkRoutes routes) => routes.CancelAsync(http));
        app.MapPost("/api/videos/resume", (HttpContext http, BulkRoutes routes) => routes.ResumeAsync(http));
        app.MapPost("/api/videos/redeliver", (HttpContext http, BulkRoutes routes) => routes.RedeliverAsync(http));
        app.MapMethods("/api/batches/{id}", GetOrHead, (HttpContext http, string id, BatchRoutes routes) => routes.GetAsync(http, id));
        app.MapMethods("/api/videos", GetOrHead, (HttpContext http, VideoRoutes routes) => routes.ListAsync(http));
        app.MapMethods("/api/videos/counts", GetOrHead, (HttpContext http, VideoRoutes routes) => routes.CountAsync(http));
        app.MapMethods("/api/videos/{id}", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.GetAsync(http, id));
        app.MapMethods("/api/videos/{id}/operation", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.OperationAsync(http, id));
        app.MapMethods("/api/videos/{id}/content", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.ContentAsync(http, id));
        app.MapPost("/api/videos/{id}/cancel", (HttpContext http, string id, JobActionRoutes routes) => routes.CancelAsync(http, id));
        app.MapPost("/api/videos/{id}/resume", (HttpContext http, string id, JobActionRoutes routes) => routes.ResumeAsync(http, id));
        app.MapPost("/api/videos/{id}/redeliver", (HttpContext http, string id, JobActionRoutes routes) => routes.RedeliverAsync(http, id));
        app.MapPost("/api/assets", (HttpContext http, AssetRoutes routes) => routes.AddAsync(http));
        app.MapPost("/api/subscriptions", (HttpContext http, SubscriptionRoutes routes) => routes.AddAsync(http));
        app.MapMethods("/api/subscriptions", GetOrHead, (HttpContext http, SubscriptionRoutes routes) => routes.ListAsync(http));
        app.MapDelete("/api/subscriptions/{id}", (HttpContext http, string id, SubscriptionRoutes routes) => routes.RemoveAsync(http, id));
        app.MapMethods("/api/dead-letters", GetOrHead, (HttpContext http, DeadLetterRoutes routes) => routes.ListAsync(http));
        app.MapMethods(
            $"{LinkSigner.Route}/operations/{{id}}", GetOrHead, (HttpContext http, string id, SignedRoutes routes) => routes.OperationAsync(http, id));
        app.MapDelete(
            $"{LinkSigner.Route}/subscriptions/{{id}}", (HttpContext http, string id, SignedRoutes routes) => routes.EndSubscriptionAsync(http, id));
        app.MapMethods(Health, GetOrHead, ServiceRoutes.Health);
        app.MapMethods(Ready, GetOrHead, (HttpContext http, ServiceRoutes routes) => routes.ReadyAsync(http));
        app.MapMethods(Doctor, GetOrHead, (HttpContext http, ServiceRoutes routes) => routes.DoctorAsync(http));
        app.MapMethods("/api/openapi.json", GetOrHead, (HttpContext http) => ServiceRoutes.OpenApi(http));
        app.MapMethods("/", GetOrHead, (HttpContext http, PageRoutes page) => page.Page(http));
        app.MapMethods($"{PageRoutes.Files}/{{**path}}", GetOrHead, (HttpContext http, string path, PageRoutes page) => page.File(http, path));
    }

    /// <summary>
    /// Replaces routing's empty answers with problems: 404 for an unknown path, 405 (with <c>Allow</c>) for another method.
    /// </summary>
    public static void UseRefusals(this IApplicationBuilder app) => app.UseStatusCodePages(refused =>
    {
        var http = refused.HttpContext;
        var (request, list) = ($"{http.Request.Method} {http.Request.Path}", "GET /api/openapi.json lists what there is.");
        return (http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => Problem.Result(StatusCodes.Status404NotFound, ProblemCode.NotFound, $"There is nothing at {request}. {list}"),
            StatusCodes.Status405MethodNotAllowed => Problem.Result(
                StatusCodes.Status405MethodNotAllowed, ProblemCode.MethodNotAllowed,
                $"{request} is not possible: the methods here are {http.Response.Headers.Allow}. {list}"),
            var other => Results.StatusCode(other),
        }).ExecuteAsync(http);
    });

    internal static IServiceCollection AddRoutes(this IServiceCollection services) =>
        services.AddSingleton<LinkKeys>().AddSingleton<SignedRoutes>()
            .AddSingleton<PageRoutes>().AddSingleton<AssetRoutes>().AddSingleton<VideoRoutes>().AddSingleton<JobActionRoutes>().AddSingleton<BatchRoutes>().AddSingleton<BulkRoutes>()
            .AddSingleton<SubscriptionRoutes>().AddSingleton<DeadLetterRoutes>().AddSingleton<ServiceRoutes>();
}
