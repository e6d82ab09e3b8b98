namespace KlingFunctions.Pipeline.Errors;

/// <summary>
/// The codes of HTTP problems that are not also job errors (<see cref="ErrorCodes"/>). They are part of the HTTP contract: clients branch
/// on them.
/// </summary>
public static class ProblemCode
{
    /// <summary>The call is not valid HTTP.</summary>
    public const string BadRequest = "bad_request";

    /// <summary>No job, file or subscription has this id, or no route has this path.</summary>
    public const string NotFound = "not_found";

    /// <summary>The route does not accept this method.</summary>
    public const string MethodNotAllowed = "method_not_allowed";

    /// <summary>The header <c>Content-Type</c> is not JSON.</summary>
    public const string NotJson = "not_json";

    /// <summary>The header <c>Content-Type</c> does not name an image type.</summary>
    public const string NotAnImage = "not_an_image";

    /// <summary>The body is compressed.</summary>
    public const string UnsupportedEncoding = "unsupported_encoding";

    /// <summary>The body is larger than allowed.</summary>
    public const string BodyTooLarge = "body_too_large";

    /// <summary>The key is missing or wrong.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>A host without a key was called under a name that is not loopback.</summary>
    public const string ForbiddenHost = "forbidden_host";

    /// <summary>A host without a key was called from a page of another site.</summary>
    public const string CrossSite = "cross_site";

    /// <summary>The <c>Idempotency-Key</c> belongs to another request.</summary>
    public const string IdempotencyKeyReused = "idempotency_key_reused";

    /// <summary>The day's jobs have reached <c>Pipeline:MaxJobsPerDay</c>.</summary>
    public const string DailyCapReached = "daily_cap_reached";

    /// <summary>The job has stored no video yet, or never will.</summary>
    public const string VideoNotReady = "video_not_ready";

    /// <summary>The job was cancelled.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The job can't be cancelled any more.</summary>
    public const string NotCancellable = "not_cancellable";

    /// <summary>The job can't be resumed, or not in this way.</summary>
    public const string NotResumable = "not_resumable";

    /// <summary>The job has no notification to send again.</summary>
    public const string NothingToRedeliver = "nothing_to_redeliver";

    /// <summary>The number of subscriptions has reached its limit.</summary>
    public const string TooManySubscriptions = "too_many_subscriptions";

    /// <summary>The journal can't be read or written at present.</summary>
    public const string JournalUnavailable = "journal_unavailable";

    /// <summary>The app's storage is unavailable at present.</summary>
    public const string StorageUnavailable = "storage_unavailable";

    /// <summary>Jobs can't be accepted at present.</summary>
    public const string NotReady = "not_ready";
}
