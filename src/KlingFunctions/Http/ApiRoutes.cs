using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Http;

/// <summary>Routes requests within the worker, over the same routes that Local maps.</summary>
public sealed class ApiRoutes
{
    private readonly RequestDelegate _routes;

    /// <summary>Maps the routes, once.</summary>
    /// <param name="services">The worker's services, with the classes of the routes and ASP.NET Core's routing.</param>
    public ApiRoutes(IServiceProvider services)
    {
        var app = new ApplicationBuilder(services);
        app.UseRefusals();
        app.UseRouting();
        app.UseEndpoints(endpoints => endpoints.MapPipeline());
        _routes = app.Build();
    }

    /// <summary>Answers the request. The returned result writes nothing more.</summary>
    public async Task<IResult> AnswerAsync(HttpContext http)
    {
        // The current endpoint is the function's. Routing skips requests that already have an endpoint.
        http.SetEndpoint(null);
        http.Request.RouteValues.Clear();
        await _routes(http);
        return Results.Empty;
    }
}
