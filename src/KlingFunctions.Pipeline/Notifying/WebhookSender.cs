using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>
/// Makes single attempts to deliver webhooks after Standard Webhooks 1.0 (standardwebhooks.com). Only the status of the answer counts; its
/// body is not read. Redirects are not followed: a moved receiver must tell its owner, not get signed messages elsewhere.
/// </summary>
internal sealed partial class WebhookSender
{
    /// <summary>The timeout of an attempt, connecting included.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    private readonly GuardedClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger<WebhookSender> _logger;
    private readonly List<WebhookSecret> _secrets = [];

    /// <summary>Makes a sender.</summary>
    /// <param name="client">Refuses addresses that are not public.</param>
    /// <param name="options">The secrets. Without any, webhooks have no <c>webhook-signature</c>.</param>
    /// <param name="time">Sets timestamps and timeouts.</param>
    /// <param name="logger">Logs failed attempts, with neither the query of the URL nor the body.</param>
    public WebhookSender(GuardedClient client, IOptions<WebhookOptions> options, TimeProvider time, ILogger<WebhookSender> logger)
    {
        _client = client;
        _time = time;
        _logger = logger;
        foreach (var text in new[] { options.Value.Secret, options.Value.PreviousSecret })
        {
            if (WebhookSecret.TryParse(text, out var secret))
                _secrets.Add(secret);
        }
    }

    /// <summary>Sends one webhook once. Only the caller's own cancellation throws.</summary>
    /// <param name="url">The receiver.</param>
    /// <param name="webhookId">The same for every attempt at one message, so that receivers recognise a repeat; visible ASCII without a
    /// full stop.</param>
    /// <param name="body">The JSON to send, byte for byte.</param>
    /// <param name="header">The receiver's own header; null for none.</param>
    /// <param name="traceParent">The W3C trace context that the receiver may join; null for none.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    /// <exception cref="ArgumentException">The id is not valid.</exception>
    public async Task<DeliveryAttempt> SendAsync(
        Uri url, string webhookId, ReadOnlyMemory<byte> body, WebhookHeader? header, string? traceParent, CancellationToken cancellationToken)
    {
        if (webhookId.Length == 0 || webhookId.Any(c => c is <= ' ' or > '~' or '.'))
            throw new ArgumentException("A webhook id is visible ASCII without a full stop.", nameof(webhookId));

        using var limit = new CancellationTokenSource(Limit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        using var request = Request(url, webhookId, body, header);
        if (traceParent is not null) request.Headers.TryAddWithoutValidation("traceparent", traceParent);
        DeliveryAttempt attempt;
        try
        {
            using var response = await _client.SendAsync(request, redirects: 0, mayFollow: null, either.Token);
            attempt = Read(response);
        }
        catch (UrlRefusedException e)
        {
            attempt = new DeliveryAttempt.Failed(e.Message, null, null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var reason = limit.IsCancellationRequested
                ? $"The receiver did not answer within {Limit.TotalSeconds:0} seconds."
                : Reason(e as HttpRequestException);
            attempt = new DeliveryAttempt.Failed(reason, null, null);
        }

        if (attempt is DeliveryAttempt.Failed failed)
            LogFailed(webhookId, UrlRule.Redact(url.OriginalString), failed.Reason);
        return attempt;
    }

    private HttpRequestMessage Request(Uri url, string id, ReadOnlyMemory<byte> body, WebhookHeader? header)
    {
        var now = _time.GetUtcNow();
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.ParseAdd("KlingFunctions");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        if (_secrets.Count > 0)
            request.Headers.TryAddWithoutValidation("webhook-signature", WebhookSignature.Sign(_secrets, id, now, body));
        if (header is not null) request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        return request;
    }

    private static string Reason(HttpRequestException? e) => e?.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "The receiver's host name is not known: check the address.",
        HttpRequestError.SecureConnectionError =>
            "The receiver's TLS certificate is not accepted: it needs one that a public authority signed for this host, and that has not run out.",
        HttpRequestError.ConnectionError => "The receiver's host could not be connected to.",
        HttpRequestError.ProxyTunnelError => "The proxy that Network:Proxy names did not connect to the receiver's host.",
        _ => "The connection to the receiver broke off.",
    };

    private DeliveryAttempt Read(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        return response.StatusCode switch
        {
            _ when response.IsSuccessStatusCode => new DeliveryAttempt.Delivered(status),
            HttpStatusCode.Gone => new DeliveryAttempt.Gone(),
            _ => new DeliveryAttempt.Failed(
                status is >= 300 and <= 399
                    ? $"The receiver answered HTTP {status}, a redirect; webhooks do not follow redirects, so give the address that it leads to."
                    : $"The receiver answered HTTP {status}.",
                status,
                RetryAfter.Read(response.Headers, _time)),
        };
    }

    [LoggerMessage(1, LogLevel.Warning, "Webhook {WebhookId} was not delivered to {Url}: {Reason}")]
    private partial void LogFailed(string webhookId, string url, string reason);
}
