using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The stages of a job, in order. A resumed job starts at one of them.</summary>
public enum Stage
{
    /// <summary>Waiting for a place among the jobs in flight.</summary>
    Queue,

    /// <summary>Checking the images.</summary>
    Validate,

    /// <summary>Submitting.</summary>
    Submit,

    /// <summary>Polling RunComfy.</summary>
    Watch,

    /// <summary>Copying the video into the store.</summary>
    Store,

    /// <summary>Looking for receivers again, after the end.</summary>
    Notify,
}

/// <summary>
/// The input of the workflow <see cref="GenerateVideo"/>: everything it needs to run, or to resume a former run.
/// </summary>
public sealed record VideoJob
{
    /// <summary>The job's id, which is the instance id of its workflow.</summary>
    public required string Id { get; init; }

    /// <summary>When it was accepted (UTC); unchanged by resumes.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The request for the video.</summary>
    public required VideoRequest Request { get; init; }

    /// <summary>
    /// The duration of the video in the request; null if absent, or from an older version, whose jobs are polled by their age.
    /// </summary>
    public string? Duration { get; init; }

    /// <summary>The warnings from reading the request.</summary>
    public IReadOnlyList<Fault> Warnings { get; init; } = [];

    /// <summary>The base address of the job's links: scheme, host and path base, without a trailing slash.</summary>
    public required string BaseUrl { get; init; }

    /// <summary>The price of the video, as far as known when the job was accepted.</summary>
    public Price? Price { get; init; }

    /// <summary>The path of the upload that started it; null if it came over HTTP.</summary>
    public string? Upload { get; init; }

    /// <summary>The uploaded image that it was made for; null if it was made for a request, or in an older version.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public UploadedImage? Image { get; init; }

    /// <summary>Its place in its batch; null if it came alone.</summary>
    public BatchPlace? Batch { get; init; }

    /// <summary>True if <c>Pipeline:MaxInFlight</c> was set when it was accepted: it then waits for a place.</summary>
    public bool Capped { get; init; }

    /// <summary>
    /// True if <c>Pipeline:MaxJobsPerDay</c> was set when it was accepted from an upload: it then waits for a day with room. HTTP callers
    /// get <c>Retry-After</c> instead.
    /// </summary>
    public bool AwaitsDay { get; init; }

    /// <summary>True if an earlier run left a report beside the upload: it is deleted if this run succeeds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HasReport { get; init; }

    /// <summary>The number of resumes; 0 for the first run.</summary>
    public int Run { get; init; }

    /// <summary>
    /// True if the ids of its webhooks depend on this very job and its paid request, as always since version 2: a job id can be used again
    /// once its job is deleted. A job of an older version keeps its ids until it is resumed.
    /// </summary>
    public bool HasBoundIds { get; init; }

    /// <summary>
    /// True if its steps set its waits, as always since version 3: before the first poll, and for its place until it is notified.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HasPlannedWaits { get; init; }

    /// <summary>The parent of its trace, as a W3C <c>traceparent</c>; null if it started without one, or in an older version.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The ledger's key of its submission. A resubmission on purpose uses a new one.</summary>
    public required string SubmissionKey { get; init; }

    /// <summary>The first stage of this run.</summary>
    public Stage From { get; init; }

    /// <summary>The state to resume from; null for a new job.</summary>
    public JobState? State { get; init; }

    /// <summary>The memo of the previous run, if this one continues it because the history was cut.</summary>
    [JsonPropertyName("carried")]
    public RunMemo RunMemo { get; init; } = new();

    /// <summary>The job without its webhook's secrets (the query of the URL, and the header), for use in another history.</summary>
    public VideoJob WithoutSecrets() =>
        Request.WebhookUrl is { } url ? this with { Request = Request with { WebhookUrl = UrlRule.Redact(url), WebhookHeader = null } } : this;
}

/// <summary>Facts from earlier runs that a run needs, beside the visible state.</summary>
/// <param name="FailedPolls">Consecutive failed polls.</param>
/// <param name="NotFoundPolls">Consecutive polls in which RunComfy did not know the request.</param>
/// <param name="SubmitUntil">The deadline to submit (UTC); null before the first try that came to nothing.</param>
/// <param name="MayBePaid">True while a submission may be under way, or in doubt, elsewhere.</param>
/// <param name="CancelRequested">True if its owner asked to cancel, and RunComfy could not be asked yet.</param>
/// <param name="HasDay">True if it has one of a day's submissions: it takes no other, even if the day ends before it has a place.</param>
/// <param name="StoreTries">Failed tries to store since the last progress.</param>
/// <param name="Seen">Observations of the polls.</param>
public sealed record RunMemo(
    [property: JsonPropertyName("faults")] int FailedPolls = 0,
    [property: JsonPropertyName("missing")] int NotFoundPolls = 0,
    DateTimeOffset? SubmitUntil = null,
    [property: JsonPropertyName("unsettled")] bool MayBePaid = false,
    [property: JsonPropertyName("cancel_wished")] bool CancelRequested = false,
    bool HasDay = false, int StoreTries = 0, Sightings? Seen = null);
