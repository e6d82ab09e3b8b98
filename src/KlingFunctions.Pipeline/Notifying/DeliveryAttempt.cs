namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The outcome of one attempt to deliver a webhook.</summary>
internal abstract record DeliveryAttempt
{
    private DeliveryAttempt()
    {
    }

    /// <summary>The receiver answered 2xx.</summary>
    /// <param name="StatusCode">200 to 299.</param>
    public sealed record Delivered(int StatusCode) : DeliveryAttempt;

    /// <summary>The receiver answered 410: it is not notified any more.</summary>
    public sealed record Gone : DeliveryAttempt;

    /// <summary>The attempt failed.</summary>
    /// <param name="Reason">One sentence without query strings or secrets.</param>
    /// <param name="StatusCode">The HTTP status of the answer; null when there was none.</param>
    /// <param name="RetryAfter">The wait that the receiver asks for, from 0 to 24 hours; null if absent.</param>
    public sealed record Failed(string Reason, int? StatusCode, TimeSpan? RetryAfter) : DeliveryAttempt;
}
