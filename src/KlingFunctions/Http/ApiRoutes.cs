using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Http;

/// <summary>The routes that Local maps too, for a request that the worker has routed to a function.</summary>
public sealed class ApiRoutes
{
    private readonly RequestDelegate _routes;

    /// <summary>Maps the routes, once.</summary>
    /// <param name="services">The worker's own: the routes' classes and ASP.NET Core's routing are in it.</param>
    public ApiRoutes(IServiceProvider services)
    {
        var app = new ApplicationBuilder(services);
        app.UseRefusals();
        app.UseRouting();
        app.UseEndpoints(endpoints => endpoints.MapPipeline());
        _routes = app.Build();
    }

    /// <summary>Answers the request. The result that comes back writes nothing more.</summary>
    public async Task<IResult> AnswerAsync(HttpContext http)
    {
        // The endpoint that was chosen is the function's; where one is chosen, routing chooses no other.
        http.SetEndpoint(null);
        http.Request.RouteValues.Clear();
        await _routes(http);
        return Results.Empty;
    }
}
