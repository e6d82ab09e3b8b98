using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Webhooks;

/// <summary>A webhook in short.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Id">The id of the job or the batch.</param>
/// <param name="Note">A few words on the result, if it needs them.</param>
internal sealed record WebhookSummary(string Type, string Id, string? Note);

/// <summary>A received webhook, not verified yet.</summary>
/// <param name="Id">The header <c>webhook-id</c>.</param>
/// <param name="Timestamp">The header <c>webhook-timestamp</c>.</param>
/// <param name="Signature">The header <c>webhook-signature</c>; empty if it was not sent.</param>
/// <param name="Bytes">The unchanged bytes of the body.</param>
internal sealed record ReceivedWebhook(string Id, string Timestamp, string Signature, byte[] Bytes)
{
    /// <summary>The parsed body; null if no KlingFunctions host sends such a body.</summary>
    public WebhookBody? Body()
    {
        try
        {
            return JsonSerializer.Deserialize(Bytes, PipelineJson.Default.WebhookBody) is { Type: not null, Data: not null } body ? body : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A summary of the body; null if no KlingFunctions host sends such a body.</summary>
    public WebhookSummary? Summary()
    {
        if (Body() is { } body) return new(body.Type, body.Data.Id, body.Data.Error is { } error ? $"{error.Code}: {error.Message}" : null);
        try
        {
            return JsonSerializer.Deserialize(Bytes, PipelineJson.Default.BatchWebhookBody) is { Type: EventTypes.BatchFinished, Data: { Id: not null } batch }
                ? new(EventTypes.BatchFinished, batch.Id, $"{batch.Succeeded} succeeded, {batch.Failed} failed, {batch.Cancelled} cancelled")
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether the signature verifies with this secret, and its timestamp is recent.</summary>
    public bool IsSignedWith(WebhookSecret secret, TimeProvider time) => WebhookSignature.Verify([secret], Id, Timestamp, Signature, Bytes, time);

    /// <summary>Reads a webhook from a request.</summary>
    public static async Task<ReceivedWebhook> ReadAsync(HttpContext http)
    {
        var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        return new(Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"), body.ToArray());

        string Header(string name) => http.Request.Headers[name].ToString();
    }
}
