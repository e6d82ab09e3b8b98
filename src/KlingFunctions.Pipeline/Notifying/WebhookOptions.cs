namespace KlingFunctions.Pipeline.Notifying;

/// <summary>How webhooks go out. Section <c>Webhooks</c>.</summary>
public sealed class WebhookOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Webhooks";

    /// <summary>
    /// Signs every webhook: <c>whsec_</c> and the base64 of 24 to 64 bytes. Without it webhooks go out unsigned, and receivers can't tell
    /// who sent them.
    /// </summary>
    public string? Secret { get; set; }

    /// <summary>
    /// While a secret is being replaced: the former one, which signs too, so that receivers may change over at their leisure.
    /// </summary>
    public string? PreviousSecret { get; set; }

    /// <summary>
    /// The delay before each attempt, the first included. Empty: <see cref="DeliverySchedule.Standard"/>. The default is not written here
    /// because configuration adds to a list that it finds, so that three delays in a file would become the eleventh to thirteenth.
    /// </summary>
    public IList<TimeSpan> Schedule { get; set; } = [];
}
