namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>The cause of a failed call, which decides how to handle it.</summary>
public enum FaultClass
{
    /// <summary>A transient fault of the network or the provider: the same call may succeed later.</summary>
    Transient,

    /// <summary>The job's input: the same call fails again.</summary>
    Job,

    /// <summary>The account's token is missing, wrong, expired or not permitted.</summary>
    Auth,

    /// <summary>The account has no balance left.</summary>
    Balance,

    /// <summary>The provider does not know the request, or no longer.</summary>
    NotFound,

    /// <summary>It is unknown whether the provider accepted the call.</summary>
    InDoubt,
}

/// <summary>A failed call to the provider.</summary>
/// <param name="Class">The class of the cause.</param>
/// <param name="HttpStatus">The HTTP status of the answer; null when there was none.</param>
/// <param name="ProviderCode">RunComfy's numeric error code, such as 400004 (docs.runcomfy.com/model-apis/error-codes); null when the
/// answer named none.</param>
/// <param name="Message">One sentence fit for people: the provider's own where it gave one, at most 300 characters, without markup, token
/// or URL queries.</param>
/// <param name="RetryAfter">The wait that the provider asks for, from 0 to 24 hours; null if absent.</param>
public sealed record ProviderFault(FaultClass Class, int? HttpStatus, int? ProviderCode, string Message, TimeSpan? RetryAfter)
{
    /// <summary>One sentence fit for people, with its full stop: others follow it.</summary>
    public string Message { get; init; } = Message is [.., '.' or '!' or '?' or '…'] ? Message : Message + ".";

    /// <summary>The cap on <c>Retry-After</c>: beyond it, another try serves the job's owner better.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromMinutes(10);
}
