using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Http;

/// <summary>
/// The HTTP triggers: one function with a key and four without pass each request to <see cref="ApiRoutes"/>. So both hosts answer alike,
/// also for HEAD, wrong methods and unknown paths, and a new route is written once.
/// </summary>
/// <remarks>
/// The client parameters make the host send the settings of Durable's client: see <see cref="Durable.DurableClientSource"/>.
/// </remarks>
public sealed class ApiFunctions(ApiRoutes routes)
{
    /// <summary>Every route that needs a key.</summary>
    [Function("Api")]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, Route = "api/{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.AnswerAsync(request.HttpContext);

    /// <summary>Signed links. Their routes check the signature, so pollers need no key.</summary>
    [Function("Signed")]
    public Task<IResult> RunSignedAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, Route = "api/signed/{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        routes.AnswerAsync(request.HttpContext);

    /// <summary>
    /// Health routes, open to probes. An open function can't check a key: a checkup without a key is refused here, and one with a key is
    /// redirected to a keyed function.
    /// </summary>
    [Function("Health")]
    public Task<IResult> RunHealthAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, Route = "api/health/{*path}")] HttpRequest request, [DurableClient] DurableTaskClient client) =>
        ServiceRoutes.IsDeep(request) && !request.Headers.ContainsKey("x-functions-key")
            ? Task.FromResult(Problem.Result(StatusCodes.Status401Unauthorized, ProblemCode.Unauthorized, "A checkup needs a function key: send it in the header 'x-functions-key'."))
            : routes.AnswerAsync(request.HttpContext);

    /// <summary>The page. It contains no data, and asks for the key itself.</summary>
    [Function("Page")]
    public Task<IResult> RunPageAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "{root:maxlength(0)?}")] HttpRequest request) =>
        routes.AnswerAsync(request.HttpContext);

    /// <summary>The page's files.</summary>
    [Function("PageFiles")]
    public Task<IResult> RunPageFilesAsync([HttpTrigger(AuthorizationLevel.Anonymous, Route = "page/{*path}")] HttpRequest request) =>
        routes.AnswerAsync(request.HttpContext);
}
