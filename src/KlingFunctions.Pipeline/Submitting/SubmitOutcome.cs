using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The input of the submit step.</summary>
/// <param name="JobId">The job's id.</param>
/// <param name="Key">The submission's key in the ledger.</param>
/// <param name="Input">The model's input.</param>
/// <param name="OnlyAsk">
/// True once the job is to be cancelled: nothing is sent any more; the step only reports the result of an earlier run.
/// </param>
/// <param name="RefusedIntent">When an intent was written (UTC) that is still in the ledger though its submission was refused.</param>
/// <param name="Price">The price of the video as known when the job was accepted: only for the metric.</param>
/// <param name="Image">The uploaded image that the job was made for, if there is one: it must be the same still.</param>
public sealed record SubmitInput(
    string JobId, string Key, JsonElement Input, bool OnlyAsk = false, DateTimeOffset? RefusedIntent = null, Price? Price = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] UploadedImage? Image = null);

/// <summary>The result of the submit step.</summary>
public enum SubmitResult
{
    /// <summary>RunComfy accepted it, in this run or an earlier one.</summary>
    Accepted,

    /// <summary>Provably nothing was accepted: it may be retried.</summary>
    [JsonStringEnumMemberName("not_yet")]
    Retryable,

    /// <summary>An earlier submission may have been accepted, or may still be. Until then the job must not end as unpaid.</summary>
    [JsonStringEnumMemberName("unsettled")]
    Unknown,

    /// <summary>The submission was refused, or is in doubt: see the error.</summary>
    Failed,
}

/// <summary>The outcome of the submit step.</summary>
/// <param name="Result">One of the four results.</param>
/// <param name="RequestId">RunComfy's id, when accepted.</param>
/// <param name="SubmittedAt">When it was accepted (UTC).</param>
/// <param name="Until">The deadline (UTC): for the video when accepted, for the provider when retryable or unknown.</param>
/// <param name="Delay">The time until the next try, when retryable or unknown; until the first poll, when accepted (null: none).</param>
/// <param name="Error">Why it failed, or why it waits.</param>
/// <param name="RefusedIntent">When the intent was written (UTC), if nothing was accepted and the intent could not be deleted.</param>
/// <param name="ExpectedAt">When the video is expected to be finished (UTC); null when not known.</param>
public sealed record SubmitOutcome(
    SubmitResult Result, string? RequestId = null, DateTimeOffset? SubmittedAt = null, DateTimeOffset? Until = null, TimeSpan? Delay = null,
    JobError? Error = null, DateTimeOffset? RefusedIntent = null, DateTimeOffset? ExpectedAt = null);
