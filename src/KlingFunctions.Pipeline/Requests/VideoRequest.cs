using System.Text.Json;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>A request that has no fault, in the one form that all ways of writing it come down to.</summary>
public sealed record VideoRequest
{
    /// <summary>
    /// The model's input with its defaults filled in: exactly what is posted to the provider. Nothing after validation looks into it.
    /// </summary>
    public required JsonElement Input { get; init; }

    /// <summary>Where the caller wants to be told of the end, if anywhere. Its query may be a secret: never log or show it whole.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>The header that goes with the webhook, if the caller gave one: a secret.</summary>
    public WebhookHeader? WebhookHeader { get; init; }

    /// <summary>The caller's own object, given back as it came; <see langword="null"/> if there is none.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>
    /// SHA-256, in lower-case hex, over a canonical form of all of the above: two bodies that mean the same have the same
    /// fingerprint, whatever the order of their properties, their white space and their escapes.
    /// </summary>
    public required string Fingerprint { get; init; }
}
