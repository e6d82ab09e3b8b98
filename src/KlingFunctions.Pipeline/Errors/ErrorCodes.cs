namespace KlingFunctions.Pipeline.Errors;

/// <summary>The values of <c>error.code</c>. They are part of the contract: clients branch on them.</summary>
internal static class ErrorCodes
{
    /// <summary>The request has faults.</summary>
    public const string InvalidRequest = "invalid_request";

    /// <summary>The provider refused the input.</summary>
    public const string ProviderRejected = "provider_rejected";

    /// <summary>The provider refused the token: nothing was accepted, nothing is paid.</summary>
    public const string ProviderAuth = "provider_auth";

    /// <summary>The provider account has no balance: nothing was accepted, nothing is paid.</summary>
    public const string ProviderBalance = "provider_balance";

    /// <summary>The answer to the paid POST was lost, or was a 5xx: it may or may not have been accepted.</summary>
    public const string SubmissionInDoubt = "submission_in_doubt";

    /// <summary>The provider reports that the generation failed.</summary>
    public const string ProviderFailed = "provider_failed";

    /// <summary>The provider no longer knows the request.</summary>
    public const string ProviderExpired = "provider_expired";

    /// <summary>The deadline passed.</summary>
    public const string ProviderTimeout = "provider_timeout";

    /// <summary>The result names no video.</summary>
    public const string VideoMissing = "video_missing";

    /// <summary>The video could not be downloaded.</summary>
    public const string VideoUnreachable = "video_unreachable";

    /// <summary>The downloaded file is not a video.</summary>
    public const string VideoInvalid = "video_invalid";

    /// <summary>The video is larger than <c>Storage:MaxVideoBytes</c>.</summary>
    public const string VideoTooLarge = "video_too_large";

    /// <summary>The video is on a host that <c>RunComfy:ResultHosts</c> does not name.</summary>
    public const string VideoHostRefused = "video_host_refused";

    /// <summary>The store failed beyond its retries.</summary>
    public const string StorageFailed = "storage_failed";

    /// <summary>A step failed in a way without a code of its own. The log has the details.</summary>
    public const string InternalError = "internal_error";
}
