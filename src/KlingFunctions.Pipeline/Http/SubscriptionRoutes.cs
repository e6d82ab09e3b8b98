using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Http;

/// <summary>A subscriber's request.</summary>
/// <param name="Url">The address to notify; its query is a secret.</param>
/// <param name="Events">The event types to notify of; none: all.</param>
/// <param name="Header">A header for its webhooks: a secret.</param>
public sealed record SubscriptionRequest(string? Url, IReadOnlyList<string>? Events = null, WebhookHeader? Header = null);

/// <summary>A subscription for display.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Url">The notified address, without the query.</param>
/// <param name="Events">The event types that it is notified of; none: all.</param>
/// <param name="CreatedAt">When it was made (UTC).</param>
public sealed record SubscriptionResource(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt);

/// <summary>The subscriptions, oldest id first.</summary>
/// <param name="Subscriptions">Each with the scheme and host of its URL: a path may be a secret.</param>
public sealed record SubscriptionList(IReadOnlyList<SubscriptionResource> Subscriptions);

/// <summary>The routes below <c>/api/subscriptions</c>, which Power Automate's triggers call.</summary>
internal sealed class SubscriptionRoutes(Subscriptions subscriptions, IOptions<NetworkOptions> network, TimeProvider time, LinkKeys keys)
{
    // The job's status lists every receiver, and has little room: see StatusLimit.
    internal const int MaxSubscriptions = 20;
    internal const int MaxUrl = 2048;

    /// <summary>
    /// <c>POST /api/subscriptions</c>: stores one. The same URL and events give the same subscription, with the header of the last call.
    /// </summary>
    public async Task<IResult> AddAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        SubscriptionRequest? request;
        try
        {
            request = StrictJson.Read<SubscriptionRequest>(body);
        }
        catch (JsonException)
        {
            return Problem.Faults([new("", FaultCode.InvalidJson, "The body must be {\"url\": \"https://…\", \"events\": [\"video.succeeded\"]}; 'events' may be left out, and so may 'header', {\"name\": \"Authorization\", \"value\": \"…\"}.")]);
        }
        var events = request?.Events ?? [];
        var findings = new Findings();
        if (UrlRule.Fault(request?.Url, network.Value.AllowLoopback) is { } fault) findings.Fault("/url", FaultCode.InvalidUrl, fault);
        else if (request!.Url!.Length > MaxUrl) findings.Fault("/url", FaultCode.TooLong, $"The URL must have at most {MaxUrl} characters.");
        foreach (var (i, type) in events.Index().Where(e => !EventTypes.All.Contains(e.Item)))
        {
            findings.Fault(
                $"/events/{i}", FaultCode.NotAllowedValue, $"There is no event {Wording.Quote(type ?? "")}: it is one of {string.Join(", ", EventTypes.All)}.");
        }
        if (request?.Header is { } header) WebhookHeader.Check(header.Name, header.Value, "/header", findings);
        if (findings.AnyFault) return Problem.Faults(findings.Faults);
        var subscription = new Subscription(Subscriptions.IdOf(request!.Url!, events), request.Url!, [.. events.Distinct()], time.GetUtcNow(), request.Header);
        var signer = await keys.SignerAsync(http.RequestAborted);
        var all = await subscriptions.ListAsync(http.RequestAborted);
        if (all.FirstOrDefault(subscription.IsLike) is { } there && await subscriptions.SetHeaderAsync(there.Id, request.Header, http.RequestAborted))
            return Kept(http, there, signer, StatusCodes.Status200OK);
        if (all.Count >= MaxSubscriptions) return TooMany(all);

        var isNew = await subscriptions.AddAsync(subscription, http.RequestAborted);
        // Concurrent calls, also on other hosts, may exceed the limit. A call that still counts within it is visible to every later count.
        all = await subscriptions.ListAsync(http.RequestAborted);
        if (isNew && all.Count > MaxSubscriptions)
        {
            await subscriptions.RemoveAsync(subscription.Id, CancellationToken.None);
            return TooMany([.. all.Where(s => s.Id != subscription.Id)]);
        }
        return Kept(http, subscription, signer, isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK);
    }

    /// <summary><c>GET /api/subscriptions</c>: every subscription, by host.</summary>
    public async Task<IResult> ListAsync(HttpContext http) => Results.Json(
        new SubscriptionList([.. (await subscriptions.ListAsync(http.RequestAborted)).Select(s => Shown(s, new Uri(s.Url).GetLeftPart(UriPartial.Authority)))]),
        PipelineJson.Default.SubscriptionList);

    private static SubscriptionResource Shown(Subscription subscription, string url) => new(subscription.Id, url, subscription.Events, subscription.CreatedAt);

    private static IResult Kept(HttpContext http, Subscription subscription, LinkSigner signer, int status)
    {
        // DELETE there needs no key: platforms that switch a trigger off may send none.
        http.Response.Headers.Location = signer.LinkTo(LinkPurpose.Subscription, subscription.Id, http.Request);
        return Results.Json(Shown(subscription, UrlRule.Redact(subscription.Url)), PipelineJson.Default.SubscriptionResource, statusCode: status);
    }

    private static IResult TooMany(IReadOnlyList<Subscription> all) => Problem.Result(
        StatusCodes.Status409Conflict, ProblemCode.TooManySubscriptions,
        $"There are {all.Count} subscriptions: DELETE /api/subscriptions/{{id}} one that is no longer needed. Their ids: {string.Join(", ", all.Select(s => s.Id))}.");

    /// <summary><c>DELETE /api/subscriptions/{id}</c>: deletes one. Pending notifications to it are not delivered any more.</summary>
    public async Task<IResult> RemoveAsync(HttpContext http, string id) => await subscriptions.RemoveAsync(id, http.RequestAborted)
        ? Results.NoContent()
        : Problem.Result(StatusCodes.Status404NotFound, ProblemCode.NotFound, $"There is no subscription '{id}': it may have been deleted already.");
}
