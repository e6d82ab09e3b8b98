using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The stations of a job's way, in order. A resumed job starts at one of them.</summary>
public enum Station
{
    /// <summary>Waiting for a place among those in flight.</summary>
    Queue,

    /// <summary>Checking the images.</summary>
    Validate,

    /// <summary>Submitting.</summary>
    Submit,

    /// <summary>Watching RunComfy.</summary>
    Watch,

    /// <summary>Copying the video into the store.</summary>
    Store,

    /// <summary>Looking for receivers again, after the end.</summary>
    Notify,
}

/// <summary>
/// The input of the workflow <see cref="GenerateVideo"/>: all it needs to run, or to go on from where a former run of it stopped.
/// </summary>
public sealed record VideoJob
{
    /// <summary>The job's id, which is the instance id of its workflow.</summary>
    public required string Id { get; init; }

    /// <summary>When it was accepted (UTC); the same over resumes.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>What is to be made.</summary>
    public required VideoRequest Request { get; init; }

    /// <summary>What the reader of the request warned of.</summary>
    public IReadOnlyList<Fault> Warnings { get; init; } = [];

    /// <summary>Scheme, host and path base under which the job's links are built, without a slash at the end.</summary>
    public required string BaseUrl { get; init; }

    /// <summary>The path of the upload that started it; null if it came by HTTP.</summary>
    public string? Upload { get; init; }

    /// <summary>True if <c>Pipeline:MaxInFlight</c> was set when it was accepted: it then waits for a place.</summary>
    public bool Capped { get; init; }

    /// <summary>
    /// True if <c>Pipeline:MaxJobsPerDay</c> was set when it was accepted from an upload: it then waits for a day with room. A call is told
    /// instead to come back.
    /// </summary>
    public bool AwaitsDay { get; init; }

    /// <summary>True if a run before this one left a report beside the upload: it is deleted if this one ends well.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HasReport { get; init; }

    /// <summary>How often it was resumed; 0 for the first run.</summary>
    public int Run { get; init; }

    /// <summary>
    /// True if the ids of its webhooks are bound to this very job and what was paid for it, as all are since version 2: an id may come again when
    /// its job is forgotten. A job that an older version started keeps its ids until it is resumed.
    /// </summary>
    public bool HasBoundIds { get; init; }

    /// <summary>Under which key the ledger keeps its submission. A resubmission on purpose takes a new one.</summary>
    public required string SubmissionKey { get; init; }

    /// <summary>Where this run starts.</summary>
    public Station From { get; init; }

    /// <summary>The state to go on from; null for a new job.</summary>
    public JobState? State { get; init; }

    /// <summary>What the run before knew, if this one goes on from it because the history was cut.</summary>
    public Carried Carried { get; init; } = new();

    /// <summary>The job without its webhook's secrets, the query of the URL and the header: as it may enter another history.</summary>
    public VideoJob WithoutSecrets() =>
        Request.WebhookUrl is { } url ? this with { Request = Request with { WebhookUrl = UrlRule.Redact(url), WebhookHeader = null } } : this;
}

/// <summary>What a run has to know of those before it, beside the state that it shows.</summary>
/// <param name="Faults">How many polls in a row have failed.</param>
/// <param name="Missing">In how many polls in a row RunComfy did not know the request.</param>
/// <param name="SubmitUntil">When trying to submit ends (UTC); null before the first try that came to nothing.</param>
/// <param name="Unsettled">True while a submission may be under way, or in doubt, elsewhere.</param>
/// <param name="CancelWished">True if its owner wishes to cancel, and RunComfy could not be told yet.</param>
/// <param name="HasDay">True if it has taken one of a day's jobs: it takes no other, though the day be over before it has a place.</param>
/// <param name="StoreTries">How many tries to store failed since the last that got on.</param>
public sealed record Carried(
    int Faults = 0, int Missing = 0, DateTimeOffset? SubmitUntil = null, bool Unsettled = false, bool CancelWished = false,
    bool HasDay = false, int StoreTries = 0);
