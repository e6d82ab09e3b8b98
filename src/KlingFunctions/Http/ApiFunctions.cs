using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Http;

/// <summary>
/// The way in: one function with a key and two without hand each request to <see cref="ApiRoutes"/>. So both hosts answer alike, also to
/// HEAD, to a wrong method and to an unknown path, and a new route is written once.
/// </summary>
/// <remarks>The client parameters have the host send what Durable's client needs: see <see cref="Durable.DurableClientSource"/>.</remarks>
public sealed class ApiFunctions(ApiRoutes routes)
{
    /// <summary>Every route that needs a key.</summary>
    [Function("Api")]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, Route = "{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.AnswerAsync(request.HttpContext);

    /// <summary>Links that carry their own signature, which their routes check: pollers need not send a key.</summary>
    [Function("Signed")]
    public Task<IResult> RunSignedAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, Route = "signed/{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.AnswerAsync(request.HttpContext);

    /// <summary>The routes that need none, so that a probe can ask.</summary>
    [Function("Health")]
    public Task<IResult> RunHealthAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, Route = "health/{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.AnswerAsync(request.HttpContext);
}
