namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Signatures and schedule of webhooks. Section <c>Webhooks</c>.</summary>
public sealed class WebhookOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Webhooks";

    /// <summary>
    /// The key that signs every webhook: <c>whsec_</c> and the base64 of 24 to 64 bytes. Without it webhooks are unsigned, and receivers
    /// can't verify the sender.
    /// </summary>
    public string? Secret { get; set; }

    /// <summary>
    /// The former secret, which signs too during a key rotation, so that receivers can change over in their own time.
    /// </summary>
    public string? PreviousSecret { get; set; }

    /// <summary>
    /// The delay before each attempt, the first included. Empty: <see cref="DeliverySchedule.Standard"/>. The default is not set here
    /// because configuration appends to an existing list: three delays in a file would become the eleventh to thirteenth.
    /// </summary>
    public IList<TimeSpan> Schedule { get; set; } = [];
}
