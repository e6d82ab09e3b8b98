using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Http;

/// <summary>The routes that tell of the service itself.</summary>
public sealed class ServiceFunctions(ServiceRoutes routes)
{
    /// <summary>The host answers. Needs no key, so that a probe can ask.</summary>
    [Function("Health")]
    public static IResult Health([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "health")] HttpRequest request) => ServiceRoutes.Health();

    /// <summary>Jobs can be accepted. Needs no key either.</summary>
    [Function("Ready")]
    public Task<IResult> ReadyAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "health/ready")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.ReadyAsync(request.HttpContext);

    /// <summary>The OpenAPI document.</summary>
    [Function("OpenApi")]
    public static IResult OpenApi([HttpTrigger(AuthorizationLevel.Function, "get", Route = "openapi.json")] HttpRequest request) =>
        ServiceRoutes.OpenApi(request.HttpContext);
}
