using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// The routes below <see cref="LinkSigner.Route"/>, for callers that follow a <c>Location</c> without the key. The link itself is checked
/// here. A wrong link, an expired one, and one without a target get the same answer.
/// </summary>
internal sealed class SignedRoutes(LinkKeys keys, IJobs jobs, Subscriptions subscriptions)
{
    /// <summary><c>GET /api/signed/operations/{id}</c>: the operation of a job.</summary>
    public async Task<IResult> OperationAsync(HttpContext http, string id)
    {
        var signer = await keys.SignerAsync(http.RequestAborted);
        return signer.Opens(LinkPurpose.Operation, id, http.Request.Query) && await jobs.GetAsync(id, http.RequestAborted) is { } snapshot
            ? Answers.Operation(http, snapshot, signer)
            : Refused();
    }

    /// <summary><c>DELETE /api/signed/subscriptions/{id}</c>: deletes a subscription.</summary>
    public async Task<IResult> EndSubscriptionAsync(HttpContext http, string id)
    {
        var signer = await keys.SignerAsync(http.RequestAborted);
        return signer.Opens(LinkPurpose.Subscription, id, http.Request.Query) && await subscriptions.RemoveAsync(id, http.RequestAborted)
            ? Results.NoContent()
            : Refused();
    }

    private static IResult Refused() => Problem.Result(
        StatusCodes.Status401Unauthorized, ProblemCode.Unauthorized,
        "This link opens nothing: it is incomplete, changed or too old, or what it led to is gone. With a key, call the same route below /api/videos or /api/subscriptions.");
}
