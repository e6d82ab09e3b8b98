using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Every route there is. The Functions app has one HTTP function for each; Local maps them here.</summary>
public static class RouteTable
{
    /// <summary>Where health is asked for: this route and those below it need no key.</summary>
    public const string Health = "/api/health";

    /// <summary>Maps all routes.</summary>
    public static void MapPipeline(this IEndpointRouteBuilder app)
    {
        app.MapPost("/api/videos", (HttpContext http, VideoRoutes routes) => routes.SubmitAsync(http));
        app.MapPost("/api/videos/validate", (HttpContext http, VideoRoutes routes) => routes.ValidateAsync(http));
        app.MapGet("/api/videos", (HttpContext http, VideoRoutes routes) => routes.ListAsync(http));
        app.MapGet("/api/videos/{id}", (HttpContext http, string id, VideoRoutes routes) => routes.GetAsync(http, id));
        app.MapGet("/api/videos/{id}/operation", (HttpContext http, string id, VideoRoutes routes) => routes.OperationAsync(http, id));
        app.MapGet("/api/videos/{id}/content", (HttpContext http, string id, VideoRoutes routes) => routes.ContentAsync(http, id));
        app.MapPost("/api/videos/{id}/cancel", (HttpContext http, string id, JobActionRoutes routes) => routes.CancelAsync(http, id));
        app.MapPost("/api/videos/{id}/resume", (HttpContext http, string id, JobActionRoutes routes) => routes.ResumeAsync(http, id));
        app.MapPost("/api/videos/{id}/redeliver", (HttpContext http, string id, JobActionRoutes routes) => routes.RedeliverAsync(http, id));
        app.MapPost("/api/subscriptions", (HttpContext http, SubscriptionRoutes routes) => routes.AddAsync(http));
        app.MapGet("/api/subscriptions", (HttpContext http, SubscriptionRoutes routes) => routes.ListAsync(http));
        app.MapDelete("/api/subscriptions/{id}", (HttpContext http, string id, SubscriptionRoutes routes) => routes.RemoveAsync(http, id));
        app.MapGet(Health, ServiceRoutes.Health);
        app.MapGet($"{Health}/ready", (HttpContext http, ServiceRoutes routes) => routes.ReadyAsync(http));
        app.MapGet("/api/openapi.json", (HttpContext http) => ServiceRoutes.OpenApi(http));
    }

    internal static IServiceCollection AddRoutes(this IServiceCollection services) =>
        services.AddSingleton<VideoRoutes>().AddSingleton<JobActionRoutes>().AddSingleton<SubscriptionRoutes>().AddSingleton<ServiceRoutes>();
}
