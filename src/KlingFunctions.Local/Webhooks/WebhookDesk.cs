using System.Net;
using System.Net.Http.Headers;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Webhooks;

/// <summary>The result for an accepted webhook.</summary>
/// <param name="Webhook">The webhook.</param>
/// <param name="Summary">The webhook in short.</param>
/// <param name="IsVerified">True if its signature was checked and verifies.</param>
/// <param name="Forwarded">The status from the receiver behind; 502 if it did not answer; null if the webhook was not forwarded.</param>
internal sealed record AcceptedWebhook(ReceivedWebhook Webhook, WebhookSummary Summary, bool IsVerified, int? Forwarded);

/// <summary>
/// Answers each request that reaches a listener: verifies it, forwards it, and passes on the answer of the receiver behind, so that the
/// host retries if that one failed.
/// </summary>
/// <param name="path">The path of the listener's own subscription. Any other belongs to a listener that was killed.</param>
/// <param name="secret">Verifies signatures; null: they are not verified.</param>
/// <param name="forward">The receiver behind, for accepted webhooks; null: none.</param>
/// <param name="time">The clock for checking timestamps.</param>
/// <param name="accepted">Called for each accepted webhook.</param>
/// <param name="refused">Called with a sentence for each refused request.</param>
internal sealed class WebhookDesk(
    string path, WebhookSecret? secret, Uri? forward, TimeProvider time, Action<AcceptedWebhook> accepted, Action<string> refused) : IDisposable
{
    // The host waits 15 seconds for an answer.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(12) };

    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(HttpContext http) => http.Response.StatusCode = await DecideAsync(http);

    public void Dispose() => _http.Dispose();

    private async Task<int> DecideAsync(HttpContext http)
    {
        if (!HttpMethods.IsPost(http.Request.Method)) return StatusCodes.Status405MethodNotAllowed;
        if (http.Request.Path != path)
        {
            refused(
                $"A webhook came for {http.Request.Path}, the subscription of a listener that was killed: it is answered 410, and the host deletes it.");
            return StatusCodes.Status410Gone;
        }
        var webhook = await ReceivedWebhook.ReadAsync(http);
        if (secret is not null && !webhook.IsSignedWith(secret, time))
        {
            refused(
                "A webhook whose signature does not verify was refused: is KLING_WEBHOOK_SECRET the host's Webhooks:Secret, and this machine's clock right?");
            return StatusCodes.Status401Unauthorized;
        }
        if (webhook.Summary() is not { } summary)
        {
            refused("A request that is not a KlingFunctions webhook was refused.");
            return StatusCodes.Status400BadRequest;
        }
        var status = forward is null ? null : await ForwardAsync(webhook, http);
        accepted(new(webhook, summary, IsVerified: secret is not null, status));
        return status ?? StatusCodes.Status204NoContent;
    }

    private async Task<int?> ForwardAsync(ReceivedWebhook webhook, HttpContext http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, forward) { Content = new ByteArrayContent(webhook.Bytes) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach (var (name, value) in new[] { ("webhook-id", webhook.Id), ("webhook-timestamp", webhook.Timestamp), ("webhook-signature", webhook.Signature) })
        {
            if (value.Length > 0) request.Headers.TryAddWithoutValidation(name, value);
        }
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
            if (response.Headers.RetryAfter is { } wait) http.Response.Headers.RetryAfter = wait.ToString();
            return (int)response.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return (int)HttpStatusCode.BadGateway;
        }
    }
}
