namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>Whose fault a failed call is, and so what may be done about it.</summary>
public enum FaultClass
{
    /// <summary>The network's or the provider's passing trouble: the same call may succeed later.</summary>
    Transient,

    /// <summary>The job's input: the same call fails again.</summary>
    Job,

    /// <summary>The account's token is missing, wrong, expired or not permitted.</summary>
    Auth,

    /// <summary>The account has no balance left.</summary>
    Balance,

    /// <summary>The provider does not know the request, or knows it no longer.</summary>
    NotFound,

    /// <summary>Nobody here can tell whether the provider accepted the call.</summary>
    InDoubt,
}

/// <summary>A call to the provider that did not bring what was asked for.</summary>
/// <param name="Class">Whose fault it is.</param>
/// <param name="HttpStatus">The HTTP status of the answer; null when there was none.</param>
/// <param name="ProviderCode">RunComfy's numeric error code, such as 400004 (docs.runcomfy.com/model-apis/error-codes); null when the
/// answer named none.</param>
/// <param name="Message">One sentence fit for people: the provider's own where it gave one, at most 300 characters, without markup, token
/// or URL queries.</param>
/// <param name="RetryAfter">How long the provider asks to wait, from 0 to 24 hours; null when it did not say.</param>
public sealed record ProviderFault(FaultClass Class, int? HttpStatus, int? ProviderCode, string Message, TimeSpan? RetryAfter)
{
    /// <summary>One sentence fit for people, with its full stop: others follow it.</summary>
    public string Message { get; init; } = Message is [.., '.' or '!' or '?' or '…'] ? Message : Message + ".";

    /// <summary>A longer <c>Retry-After</c> is cut to this: beyond, it serves a job's owner better to ask anyway.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromMinutes(10);
}
