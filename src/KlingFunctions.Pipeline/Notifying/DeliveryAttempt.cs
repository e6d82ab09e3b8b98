namespace KlingFunctions.Pipeline.Notifying;

/// <summary>What came of one attempt to deliver a webhook.</summary>
public abstract record DeliveryAttempt
{
    private DeliveryAttempt()
    {
    }

    /// <summary>The receiver answered 2xx.</summary>
    /// <param name="StatusCode">200 to 299.</param>
    public sealed record Delivered(int StatusCode) : DeliveryAttempt;

    /// <summary>The receiver answered 410: it wants no more, and is not asked again.</summary>
    public sealed record Gone : DeliveryAttempt;

    /// <summary>Not delivered this time.</summary>
    /// <param name="Reason">One sentence without query strings or secrets.</param>
    /// <param name="StatusCode">The HTTP status of the answer; null when there was none.</param>
    /// <param name="RetryAfter">How long the receiver asks to wait, from 0 to 24 hours; null when it did not say.</param>
    public sealed record Failed(string Reason, int? StatusCode, TimeSpan? RetryAfter) : DeliveryAttempt;
}
