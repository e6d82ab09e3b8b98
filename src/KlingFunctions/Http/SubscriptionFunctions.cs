using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace KlingFunctions.Http;

/// <summary>The routes below <c>/api/subscriptions</c>.</summary>
public sealed class SubscriptionFunctions(SubscriptionRoutes routes)
{
    /// <summary>Keeps a subscription.</summary>
    [Function("AddSubscription")]
    public Task<IResult> AddAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "subscriptions")] HttpRequest request) =>
        routes.AddAsync(request.HttpContext);

    /// <summary>Lists them.</summary>
    [Function("ListSubscriptions")]
    public Task<IResult> ListAsync([HttpTrigger(AuthorizationLevel.Function, "get", Route = "subscriptions")] HttpRequest request) =>
        routes.ListAsync(request.HttpContext);

    /// <summary>Forgets one.</summary>
    [Function("RemoveSubscription")]
    public Task<IResult> RemoveAsync([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "subscriptions/{id}")] HttpRequest request, string id) =>
        routes.RemoveAsync(request.HttpContext, id);
}
