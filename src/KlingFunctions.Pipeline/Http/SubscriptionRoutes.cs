using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Http;

/// <summary>What a subscriber sends.</summary>
/// <param name="Url">Where it wants to be told; its query is kept secret.</param>
/// <param name="Events">Of which types of event it wants to hear; none: of all.</param>
public sealed record SubscriptionRequest(string? Url, IReadOnlyList<string>? Events = null);

/// <summary>A subscription as it may be shown.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Url">Where it is told, without the query.</param>
/// <param name="Events">Of which types of event it hears; none: of all.</param>
/// <param name="CreatedAt">When it was made (UTC).</param>
public sealed record SubscriptionResource(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt);

/// <summary>The routes below <c>/api/subscriptions</c>: how Power Automate's triggers come and go.</summary>
public sealed class SubscriptionRoutes(Subscriptions subscriptions, IOptions<NetworkOptions> network, TimeProvider time)
{
    // Every receiver of a job is in the job's status, which has little room: see StatusLimit.
    internal const int MaxSubscriptions = 20;
    internal const int MaxUrl = 2048;

    /// <summary><c>POST /api/subscriptions</c>: keeps one.</summary>
    public async Task<IResult> AddAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        SubscriptionRequest? wish;
        try
        {
            wish = JsonSerializer.Deserialize(body.Span, PipelineJson.Default.SubscriptionRequest);
        }
        catch (JsonException)
        {
            return Problem.Faults([new("", FaultCode.InvalidJson, "The body must be {\"url\": \"https://…\", \"events\": [\"video.succeeded\"]}; 'events' may be left out.")]);
        }
        var events = wish?.Events ?? [];
        var findings = new Findings();
        if (UrlRule.Fault(wish?.Url, network.Value.AllowLoopback) is { } fault) findings.Fault("/url", FaultCode.InvalidUrl, fault);
        else if (wish!.Url!.Length > MaxUrl) findings.Fault("/url", FaultCode.TooLong, $"The URL must have at most {MaxUrl} characters.");
        foreach (var (i, type) in events.Index().Where(e => !EventTypes.All.Contains(e.Item)))
        {
            findings.Fault(
                $"/events/{i}", FaultCode.NotAllowedValue, $"There is no event {Wording.Quote(type ?? "")}: it is one of {string.Join(", ", EventTypes.All)}.");
        }
        if (findings.AnyFault) return Problem.Faults(findings.Faults);
        if ((await subscriptions.ListAsync(http.RequestAborted)).Count >= MaxSubscriptions) return TooMany();

        var subscription = new Subscription($"sub_{Guid.CreateVersion7():N}", wish!.Url!, [.. events.Distinct()], time.GetUtcNow());
        await subscriptions.AddAsync(subscription, http.RequestAborted);
        // Others may have come at the same moment, by another host too. Whoever still counts no more than may be is seen by all who count later.
        if ((await subscriptions.ListAsync(http.RequestAborted)).Count > MaxSubscriptions)
        {
            await subscriptions.RemoveAsync(subscription.Id, CancellationToken.None);
            return TooMany();
        }
        http.Response.Headers.Location = $"{BaseUrl.Of(http.Request)}/api/subscriptions/{subscription.Id}";
        return Results.Json(
            new SubscriptionResource(subscription.Id, UrlRule.Redact(subscription.Url), subscription.Events, subscription.CreatedAt),
            PipelineJson.Default.SubscriptionResource, statusCode: StatusCodes.Status201Created);
    }

    private static IResult TooMany() => Problem.Result(
        StatusCodes.Status409Conflict, ProblemCode.TooManySubscriptions, $"There are {MaxSubscriptions} subscriptions: delete one that is no longer needed.");

    /// <summary><c>DELETE /api/subscriptions/{id}</c>: forgets one. What is on its way to it is not delivered any more.</summary>
    public async Task<IResult> RemoveAsync(HttpContext http, string id) => await subscriptions.RemoveAsync(id, http.RequestAborted)
        ? Results.NoContent()
        : Problem.Result(StatusCodes.Status404NotFound, ProblemCode.NotFound, $"There is no subscription '{id}': it may have been deleted already.");
}
