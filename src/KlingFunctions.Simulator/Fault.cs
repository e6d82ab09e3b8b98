namespace KlingFunctions.Simulator;

/// <summary>A transient fault: the next calls of a kind fail.</summary>
/// <param name="Call">The kind of call.</param>
/// <param name="Kind">The kind of fault.</param>
/// <param name="Times">The number of calls that fail; <see cref="int.MaxValue"/>: every one from now on.</param>
/// <param name="Late">
/// The call is executed, and only its answer is lost or damaged: a submission is accepted and paid, and the client does not learn it.
/// </param>
public sealed record Fault(ApiCall Call, FaultKind Kind, int Times = 1, bool Late = false);

/// <summary>The kinds of call.</summary>
public enum ApiCall
{
    /// <summary>POST /v1/models/{model_id}.</summary>
    Submit,

    /// <summary>GET /v1/requests/{id}/status.</summary>
    Status,

    /// <summary>GET /v1/requests/{id}/result.</summary>
    Result,

    /// <summary>POST /v1/requests/{id}/cancel.</summary>
    Cancel,

    /// <summary>GET or HEAD of a result file.</summary>
    Download,
}

/// <summary>The kinds of fault.</summary>
public enum FaultKind
{
    /// <summary>The connection is reset before any answer.</summary>
    Dropped,

    /// <summary>No answer, until the client gives up.</summary>
    Hang,

    /// <summary>The answer is cut off in its middle; a download after <see cref="Behaviour.TruncatesAfter"/> bytes.</summary>
    Truncated,

    /// <summary>The answer is correct, but sent <see cref="Behaviour.SlowBytes"/> at a time.</summary>
    Slow,

    /// <summary>
    /// A download whose Content-Length is 1,000 bytes more than are sent. For other calls the same as <see cref="Truncated"/>.
    /// </summary>
    WrongLength,

    /// <summary>
    /// Half of a download, with a matching Content-Length: only the file itself shows the loss. For other calls the same as
    /// <see cref="Truncated"/>.
    /// </summary>
    Halved,

    /// <summary>408.</summary>
    RequestTimeout,

    /// <summary>429, with <see cref="Behaviour.RetryAfter"/>.</summary>
    TooManyRequests,

    /// <summary>500 with code 500001.</summary>
    ServerError,

    /// <summary>502 with an HTML page, as from a proxy.</summary>
    BadGateway,

    /// <summary>503, with <see cref="Behaviour.RetryAfter"/>.</summary>
    Unavailable,

    /// <summary>200 whose body is an error with code 500001.</summary>
    ErrorInOk,

    /// <summary>200 with truncated JSON.</summary>
    BrokenJson,

    /// <summary>200 with an empty body.</summary>
    EmptyBody,

    /// <summary>200 with an HTML page.</summary>
    HtmlPage,

    /// <summary>200 with an undocumented status word.</summary>
    UnknownStatus,

    /// <summary>The token is refused with <see cref="Behaviour.BadTokenStatusCode"/>.</summary>
    BadToken,

    /// <summary>The balance is reported as empty with <see cref="Behaviour.NoBalanceStatusCode"/>.</summary>
    NoBalance,

    /// <summary>403 with code 403001: the request belongs to another account.</summary>
    Forbidden,

    /// <summary>404 with code 404001: no such request.</summary>
    NotFound,
}
