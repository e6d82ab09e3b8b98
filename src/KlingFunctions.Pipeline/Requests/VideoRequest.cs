using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>A request without faults, in normalised form.</summary>
public sealed record VideoRequest
{
    /// <summary>
    /// The model's input with its defaults filled in: exactly the body that is posted to the provider. After validation it is opaque.
    /// </summary>
    public required JsonElement Input { get; init; }

    /// <summary>The address to notify of the job's end; null for none. Its query may be a secret: never log or show it whole.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>The header to send with the webhook; null for none. A secret.</summary>
    public WebhookHeader? WebhookHeader { get; init; }

    /// <summary>The caller's own object, returned unchanged; <see langword="null"/> if there is none.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>
    /// SHA-256, in lower-case hex, over a canonical form of all of the above: two bodies of equal meaning have the same fingerprint,
    /// whatever the order of their properties, their white space and their escapes.
    /// </summary>
    public required string Fingerprint { get; init; }
}
