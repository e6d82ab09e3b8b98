namespace KlingFunctions.Simulator;

/// <summary>
/// The behaviour of the simulated provider. By default it is RunComfy's API as documented; each knob sets one point that the documentation
/// leaves open, or one fault that clients must handle. Read on every call.
/// </summary>
public sealed record Behaviour
{
    /// <summary>The shortest wait of a request before it runs, even if a slot is free.</summary>
    public TimeSpan QueueTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The time that a generation runs.</summary>
    public TimeSpan RunTime { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>The number of concurrent generations; the rest wait in order. At 0 nothing ever leaves the queue.</summary>
    public int Slots { get; init; } = 2;

    /// <summary>While true, running generations do not end.</summary>
    public bool NeverFinishes { get; init; }

    /// <summary>The valid bearer tokens. Empty: any token that is not empty.</summary>
    public IReadOnlyList<string> Tokens { get; init; } = [];

    /// <summary>The initial balance of the account, in US dollars. Raise it to top up.</summary>
    public decimal BalanceUsd { get; init; } = 1000;

    /// <summary>Whether a request that is cancelled in the queue stays paid. Undocumented.</summary>
    public bool ChargesCancelled { get; init; }

    /// <summary>Whether a generation that fails stays paid. Undocumented.</summary>
    public bool ChargesFailed { get; init; } = true;

    /// <summary>The shape of an error's body. Undocumented for this API.</summary>
    public ErrorShape ErrorShape { get; init; }

    /// <summary>Errors come with HTTP 200, so that only the body shows them.</summary>
    public bool ErrorsAsOk { get; init; }

    /// <summary>The HTTP status for a missing or wrong token: 400 with code 400004 is documented; otherwise the code is 401001.</summary>
    public int BadTokenStatusCode { get; init; } = 400;

    /// <summary>The HTTP status for an empty balance: 400 with code 400002 is documented; otherwise the code is 10001.</summary>
    public int NoBalanceStatusCode { get; init; } = 400;

    /// <summary>The Retry-After of a 429 or 503. Null: no such header.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Retry-After is an HTTP date, not a number of seconds.</summary>
    public bool RetryAfterIsDate { get; init; }

    /// <summary>How far the provider's clock is ahead of this one, or behind it if negative: dates in Retry-After are off by it.</summary>
    public TimeSpan ClockSkew { get; init; }

    /// <summary>The treatment of an input that violates the model's schema. Undocumented.</summary>
    public BadInput BadInput { get; init; }

    /// <summary>The HTTP status of an accepted submission. 200 is documented; clients' own tests also show 202.</summary>
    public int SubmitStatusCode { get; init; } = 200;

    /// <summary>The name of the submit answer's field with the request id. Some clients also look for <c>id</c>.</summary>
    public string RequestIdField { get; init; } = "request_id";

    /// <summary>The words for the states.</summary>
    public StatusWords Words { get; init; } = new();

    /// <summary>/status never gives the position in the queue.</summary>
    public bool OmitsQueuePosition { get; init; }

    /// <summary>/status reports that a generation failed. Otherwise it says <c>completed</c>, and only /result shows the failure.</summary>
    public bool FailureOnStatus { get; init; }

    /// <summary>/result answers 400 with code 400005 until the request is finished, instead of 200 with the state.</summary>
    public bool NotReadyIsError { get; init; }

    /// <summary>The keys in the output of a success.</summary>
    public OutputKeys Outputs { get; init; } = OutputKeys.Video;

    /// <summary>The number of files in <c>videos</c> and <c>images</c>.</summary>
    public int OutputCount { get; init; } = 1;

    /// <summary>A request submitted while this is set fails with it at the end of its run.</summary>
    public string? FailsWith { get; init; }

    /// <summary>The shape of a failed result's <c>error</c>. Undocumented.</summary>
    public FailureShape FailureShape { get; init; }

    /// <summary>The HTTP status of a cancel answer, whatever its outcome. 202 is documented.</summary>
    public int CancelStatusCode { get; init; } = 202;

    /// <summary>The cancel race: /status says that the request is queued, and cancel says <c>not_cancellable</c>.</summary>
    public bool RefusesCancel { get; init; }

    /// <summary>Cancel answers the status <c>completed</c> with the outcome <c>cancelled</c>, as in the documentation's example.</summary>
    public bool OddCancelStatus { get; init; }

    /// <summary>The age, counted from submission, at which a request expires (404001). Null: never.</summary>
    public TimeSpan? RequestLifetime { get; init; }

    /// <summary>The age, counted from the end of the run, at which result files expire. Null: never.</summary>
    public TimeSpan? FileLifetime { get; init; }

    /// <summary>The HTTP status of an expired result file: 403 as from a pre-signed URL, or 404.</summary>
    public int ExpiredFileStatusCode { get; init; } = 403;

    /// <summary>The base of links to result files, such as <c>http://files.runcomfy.net</c> through a proxy. Null: this host.</summary>
    public Uri? FilesBase { get; init; }

    /// <summary>
    /// Result files answer 302 to this with their own path appended: <c>/moved</c> on this host serves them, or name another host.
    /// </summary>
    public string? RedirectsFilesTo { get; init; }

    /// <summary>Result files are sent whole, whatever the Range header.</summary>
    public bool IgnoresRange { get; init; }

    /// <summary>The Content-Type of result videos.</summary>
    public string FileContentType { get; init; } = "video/mp4";

    /// <summary>The Content-Length of result files.</summary>
    public FileLength FileLength { get; init; }

    /// <summary>The actual content of a result video.</summary>
    public FileContent FileContent { get; init; }

    /// <summary>
    /// The length in bytes to which result videos are padded, with an MP4 box of free space at their end. Null: no padding.
    /// </summary>
    public long? PadsFilesTo { get; init; }

    /// <summary>The number of bytes that a download sends before <see cref="FaultKind.Truncated"/> ends it. At least 1.</summary>
    public int TruncatesAfter { get; init; } = 4096;

    /// <summary>The number of bytes in one piece of an answer under <see cref="FaultKind.Slow"/>. At least 1.</summary>
    public int SlowBytes { get; init; } = 64;

    /// <summary>The pause between two such pieces.</summary>
    public TimeSpan SlowPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The queue of faults for the next calls. Each applies to one call, then is removed.</summary>
    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>Endless random faults, drawn from a seed, for calls without one of <see cref="Faults"/>. Null: none.</summary>
    public Weather? Weather { get; init; }
}

/// <summary>The words for the states. The defaults are the documented ones.</summary>
public sealed record StatusWords
{
    /// <summary>Waiting.</summary>
    public string Queued { get; init; } = "in_queue";

    /// <summary>Running.</summary>
    public string Running { get; init; } = "in_progress";

    /// <summary>Finished, with or without success: /status only.</summary>
    public string Completed { get; init; } = "completed";

    /// <summary>Finished with success: /result only.</summary>
    public string Succeeded { get; init; } = "succeeded";

    /// <summary>Finished without an output.</summary>
    public string Failed { get; init; } = "failed";

    /// <summary>Cancelled in the queue. Some clients also know <c>canceled</c>.</summary>
    public string Cancelled { get; init; } = "cancelled";
}

/// <summary>The shapes of an error's body.</summary>
public enum ErrorShape
{
    /// <summary><c>error_code</c>, <c>message</c> and sometimes <c>detail</c>: as documented for RunComfy's deployments.</summary>
    Documented,

    /// <summary><c>error_code</c> and <c>error_message</c>.</summary>
    ErrorMessage,

    /// <summary><c>code</c> and <c>message</c>.</summary>
    CodeMessage,

    /// <summary>Only a <c>detail</c> array of objects with <c>loc</c>, <c>msg</c> and <c>type</c>.</summary>
    DetailArray,

    /// <summary>One line of plain text.</summary>
    PlainText,

    /// <summary>An HTML page.</summary>
    Html,
}

/// <summary>The treatment of an input that violates the model's schema.</summary>
public enum BadInput
{
    /// <summary>422 at once.</summary>
    RejectedWith422,

    /// <summary>400 at once.</summary>
    RejectedWith400,

    /// <summary>Accepted and paid; the generation fails.</summary>
    FailsLater,
}

/// <summary>The keys of an output.</summary>
[Flags]
public enum OutputKeys
{
    /// <summary>A success without any URL.</summary>
    None = 0,

    /// <summary><c>video</c>, one URL.</summary>
    Video = 1,

    /// <summary><c>videos</c>, a list.</summary>
    Videos = 2,

    /// <summary><c>image</c>, one URL.</summary>
    Image = 4,

    /// <summary><c>images</c>, a list.</summary>
    Images = 8,
}

/// <summary>The shapes of a failed result's <c>error</c>.</summary>
public enum FailureShape
{
    /// <summary>The message.</summary>
    Text,

    /// <summary>An object with <c>type</c> and <c>message</c>.</summary>
    Fields,

    /// <summary>A list of objects with <c>errorCode</c>, <c>error</c> and <c>debugInfo</c>.</summary>
    List,
}

/// <summary>The Content-Length of a result file.</summary>
public enum FileLength
{
    /// <summary>The correct length.</summary>
    Right,

    /// <summary>No Content-Length: the file comes in chunks.</summary>
    Missing,

    /// <summary>1,000 bytes more than are sent.</summary>
    TooLong,

    /// <summary>Half of the file, and only that half is sent: only the file itself shows the loss.</summary>
    Half,
}

/// <summary>The actual content of a result video.</summary>
public enum FileContent
{
    /// <summary>A playable clip with the requested aspect ratio and duration.</summary>
    Clip,

    /// <summary>An HTML page under the video's name and type.</summary>
    Html,

    /// <summary>No bytes.</summary>
    Empty,
}
