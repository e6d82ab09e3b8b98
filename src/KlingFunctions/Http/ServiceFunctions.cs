using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace KlingFunctions.Http;

/// <summary>The routes that tell of the service itself.</summary>
public static class ServiceFunctions
{
    /// <summary>The host answers. Needs no key, so that a probe can ask.</summary>
    [Function("Health")]
    public static IResult Health([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "health")] HttpRequest request) => ServiceRoutes.Health();

    /// <summary>The OpenAPI document.</summary>
    [Function("OpenApi")]
    public static IResult OpenApi([HttpTrigger(AuthorizationLevel.Function, "get", Route = "openapi.json")] HttpRequest request) =>
        ServiceRoutes.OpenApi(request.HttpContext);
}
