using System.Text.Json;
using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>What is to be submitted.</summary>
/// <param name="JobId">For whom.</param>
/// <param name="Key">Under which key in the ledger.</param>
/// <param name="Input">What: the model's input.</param>
/// <param name="OnlyAsk">
/// True once the job is to be cancelled: nothing is sent any more, and all that is wanted is what came of an earlier run of the step.
/// </param>
/// <param name="RefusedIntent">When an intent was written whose submission was refused, and that could not be taken back then (UTC).</param>
public sealed record SubmitInput(string JobId, string Key, JsonElement Input, bool OnlyAsk = false, DateTimeOffset? RefusedIntent = null);

/// <summary>What came of submitting.</summary>
public enum SubmitResult
{
    /// <summary>RunComfy has it, now or from a former run.</summary>
    Accepted,

    /// <summary>Provably nothing was accepted, and it may be tried again.</summary>
    NotYet,

    /// <summary>An earlier submission may have been accepted, or may still be. Until that is known the job must not end as unpaid.</summary>
    Unsettled,

    /// <summary>It was refused, or is in doubt: see the error.</summary>
    Failed,
}

/// <summary>What came of submitting.</summary>
/// <param name="Result">Which of the four.</param>
/// <param name="RequestId">RunComfy's id, when accepted.</param>
/// <param name="SubmittedAt">When it was accepted (UTC).</param>
/// <param name="Until">When to stop waiting: for the video when accepted, for the provider when not yet or unsettled (UTC).</param>
/// <param name="Delay">How long to wait before the next try, when not yet or unsettled.</param>
/// <param name="Error">Why it failed, or what it waits for.</param>
/// <param name="RefusedIntent">When the intent was written (UTC), if nothing was accepted and it could not be taken back.</param>
public sealed record SubmitOutcome(
    SubmitResult Result, string? RequestId = null, DateTimeOffset? SubmittedAt = null, DateTimeOffset? Until = null, TimeSpan? Delay = null,
    JobError? Error = null, DateTimeOffset? RefusedIntent = null);
