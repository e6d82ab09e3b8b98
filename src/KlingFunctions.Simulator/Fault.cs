namespace KlingFunctions.Simulator;

/// <summary>A passing trouble: the next calls of a kind go wrong.</summary>
/// <param name="Call">The kind of call that it strikes.</param>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Times">How many calls it strikes; <see cref="int.MaxValue"/> stands for every one from now on.</param>
/// <param name="Late">
/// The call is carried out, and only its answer is spoilt: with a submission, the request is accepted and paid, and the client is not told.
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

/// <summary>What can go wrong with a call.</summary>
public enum FaultKind
{
    /// <summary>The connection is reset before any answer.</summary>
    Dropped,

    /// <summary>No answer, until the client gives up.</summary>
    Hang,

    /// <summary>The answer breaks off in its middle; a download after <see cref="Behaviour.TruncatesAfter"/> bytes.</summary>
    Truncated,

    /// <summary>The answer is right, and comes <see cref="Behaviour.SlowBytes"/> at a time.</summary>
    Slow,

    /// <summary>
    /// A download whose Content-Length promises 1,000 bytes more than come. With other calls the same as <see cref="Truncated"/>.
    /// </summary>
    WrongLength,

    /// <summary>
    /// A download of which half comes, under a Content-Length that fits: the loss shows in the file alone. With other calls the same as
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

    /// <summary>200 with JSON that ends too early.</summary>
    BrokenJson,

    /// <summary>200 with an empty body.</summary>
    EmptyBody,

    /// <summary>200 with an HTML page.</summary>
    HtmlPage,

    /// <summary>200 with a status word that no documentation knows.</summary>
    UnknownStatus,

    /// <summary>The token is refused, as <see cref="Behaviour.BadTokenStatusCode"/> says.</summary>
    BadToken,

    /// <summary>The balance is said to be empty, as <see cref="Behaviour.NoBalanceStatusCode"/> says.</summary>
    NoBalance,

    /// <summary>403 with code 403001: the request belongs to somebody else.</summary>
    Forbidden,

    /// <summary>404 with code 404001: no such request.</summary>
    NotFound,
}
