using KlingFunctions.Pipeline.Errors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Every route there is, on both hosts.</summary>
public static class RouteTable
{
    /// <summary>Where health is asked for: this route and those below it need no key.</summary>
    public const string Health = "/api/health";

    // The server leaves out the body of an answer to HEAD.
    private static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps all routes.</summary>
    public static void MapPipeline(this IEndpointRouteBuilder app)
    {
        app.MapPost("/api/videos", (HttpContext http, VideoRoutes routes) => routes.SubmitAsync(http));
        app.MapPost("/api/videos/validate", (HttpContext http, VideoRoutes routes) => routes.ValidateAsync(http));
        app.MapMethods("/api/videos", GetOrHead, (HttpContext http, VideoRoutes routes) => routes.ListAsync(http));
        app.MapMethods("/api/videos/{id}", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.GetAsync(http, id));
        app.MapMethods("/api/videos/{id}/operation", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.OperationAsync(http, id));
        app.MapMethods("/api/videos/{id}/content", GetOrHead, (HttpContext http, string id, VideoRoutes routes) => routes.ContentAsync(http, id));
        app.MapPost("/api/videos/{id}/cancel", (HttpContext http, string id, JobActionRoutes routes) => routes.CancelAsync(http, id));
        app.MapPost("/api/videos/{id}/resume", (HttpContext http, string id, JobActionRoutes routes) => routes.ResumeAsync(http, id));
        app.MapPost("/api/videos/{id}/redeliver", (HttpContext http, string id, JobActionRoutes routes) => routes.RedeliverAsync(http, id));
        app.MapPost("/api/subscriptions", (HttpContext http, SubscriptionRoutes routes) => routes.AddAsync(http));
        app.MapMethods("/api/subscriptions", GetOrHead, (HttpContext http, SubscriptionRoutes routes) => routes.ListAsync(http));
        app.MapDelete("/api/subscriptions/{id}", (HttpContext http, string id, SubscriptionRoutes routes) => routes.RemoveAsync(http, id));
        app.MapMethods(
            $"{LinkSigner.Route}/operations/{{id}}", GetOrHead, (HttpContext http, string id, SignedRoutes routes) => routes.OperationAsync(http, id));
        app.MapDelete(
            $"{LinkSigner.Route}/subscriptions/{{id}}", (HttpContext http, string id, SignedRoutes routes) => routes.EndSubscriptionAsync(http, id));
        app.MapMethods(Health, GetOrHead, ServiceRoutes.Health);
        app.MapMethods($"{Health}/ready", GetOrHead, (HttpContext http, ServiceRoutes routes) => routes.ReadyAsync(http));
        app.MapMethods("/api/openapi.json", GetOrHead, (HttpContext http) => ServiceRoutes.OpenApi(http));
    }

    /// <summary>Puts a problem in the place of routing's empty answers: 404 where nothing is, 405 (with <c>Allow</c>) where another method is.</summary>
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
            .AddSingleton<VideoRoutes>().AddSingleton<JobActionRoutes>().AddSingleton<SubscriptionRoutes>().AddSingleton<ServiceRoutes>();
}
