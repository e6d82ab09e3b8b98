using System.Text.Json;
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
public sealed class SubscriptionRoutes(ISubscriptions subscriptions, IOptions<NetworkOptions> network, TimeProvider time)
{
    // Every receiver of a job is in the job's status, which has little room: see StatusLimit.
    internal const int MaxSubscriptions = 20;
    internal const int MaxUrl = 2048;

    /// <summary><c>POST /api/subscriptions</c>: keeps one.</summary>
    public async Task<IResult> AddAsync(HttpContext http)
    {
        var (body, refusal) = await Body.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        SubscriptionRequest? wish;
        try
        {
            wish = JsonSerializer.Deserialize(body.Span, PipelineJson.Default.SubscriptionRequest);
        }
        catch (JsonException)
        {
            return Problem.Faults([new("", "invalid_json", "The body must be {\"url\": \"https://…\", \"events\": [\"video.succeeded\"]}; 'events' may be left out.")]);
        }
        var events = wish?.Events ?? [];
        var faults = new List<Fault>();
        if (UrlRule.Fault(wish?.Url, network.Value.AllowLoopback) is { } fault) faults.Add(new("/url", "invalid_url", fault));
        else if (wish!.Url!.Length > MaxUrl) faults.Add(new("/url", "too_long", $"The URL must have at most {MaxUrl} characters."));
        faults.AddRange(events.Select((e, i) => (e, i)).Where(e => !EventTypes.All.Contains(e.e)).Select(e => new Fault(
            $"/events/{e.i}", "not_allowed_value", $"There is no event '{e.e}': it is one of {string.Join(", ", EventTypes.All)}.")));
        if (faults.Count > 0) return Problem.Faults(faults);
        if ((await subscriptions.ListAsync(http.RequestAborted)).Count >= MaxSubscriptions)
        {
            return Problem.Result(
                StatusCodes.Status409Conflict, "too_many_subscriptions", $"There are {MaxSubscriptions} subscriptions: delete one that is no longer needed.");
        }

        var subscription = new Subscription($"sub_{Guid.CreateVersion7():N}", wish!.Url!, [.. events.Distinct()], time.GetUtcNow());
        await subscriptions.AddAsync(subscription, http.RequestAborted);
        http.Response.Headers.Location = $"{BaseUrl.Of(http.Request)}/api/subscriptions/{subscription.Id}";
        return Results.Json(
            new SubscriptionResource(subscription.Id, UrlRule.Redact(subscription.Url), subscription.Events, subscription.CreatedAt),
            PipelineJson.Default.SubscriptionResource, statusCode: StatusCodes.Status201Created);
    }

    /// <summary><c>DELETE /api/subscriptions/{id}</c>: forgets one. What is on its way to it is not delivered any more.</summary>
    public async Task<IResult> RemoveAsync(HttpContext http, string id) => await subscriptions.RemoveAsync(id, http.RequestAborted)
        ? Results.NoContent()
        : Problem.Result(StatusCodes.Status404NotFound, "not_found", $"There is no subscription '{id}': it may have been deleted already.");
}
