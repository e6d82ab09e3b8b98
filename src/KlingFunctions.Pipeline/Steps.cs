using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline;

/// <summary>
/// The steps of <see cref="GenerateVideo"/>: their names, what goes in and what comes out. All of it is written into the history, so the
/// URL of a webhook never is part of it.
/// </summary>
public static class Steps
{
    /// <summary>
    /// For a step that throws where it has met something that is not its own business: a full disk, a lost connection to the store. All
    /// that have it are harmless to repeat, the submission too: its ledger entry keeps a second run from paying.
    /// </summary>
    public static readonly RetryPolicy Patient = new(8, TimeSpan.FromSeconds(2), 3, TimeSpan.FromMinutes(5));

    /// <summary>Takes one of the day's jobs, if there is one: for uploads, which nobody can be told to send again tomorrow.</summary>
    public static readonly Step<string, Turn> TakeDay = new("TakeDay", Patient);

    /// <summary>Takes a place among the jobs in flight, if there is one.</summary>
    public static readonly Step<string, Turn> Enter = new("Enter", Patient);

    /// <summary>Gives the place back.</summary>
    public static readonly Step<string, bool> Leave = new("Leave", Patient);

    /// <summary>Checks the images.</summary>
    public static readonly Step<JsonElement, ImagesChecked> Validate = new("Validate", Patient);

    /// <summary>Submits, at most once.</summary>
    public static readonly Step<SubmitInput, SubmitOutcome> Submit = new("Submit", Patient);

    /// <summary>Asks RunComfy how it stands. What can go wrong is in the outcome; the workflow itself is what tries again.</summary>
    public static readonly Step<PollInput, PollOutcome> Poll = new("Poll");

    /// <summary>Asks RunComfy to cancel.</summary>
    public static readonly Step<string, CancelOutcome> Cancel = new("Cancel");

    /// <summary>Fetches the result and copies its files into the store.</summary>
    public static readonly Step<StoreInput, StoreOutcome> Store = new("Store", Patient);

    /// <summary>Finds out who is to be told.</summary>
    public static readonly Step<ReceiversInput, IReadOnlyList<Receiver>> FindReceivers = new("FindReceivers", Patient);

    /// <summary>Leaves a report beside an upload whose job failed.</summary>
    public static readonly Step<UploadFailure, bool> ReportUpload = new("ReportUpload", Patient);
}

/// <summary>What asking for a place came to.</summary>
/// <param name="Granted">Whether there was one.</param>
/// <param name="Delay">If not, when to ask again.</param>
public sealed record Turn(bool Granted, TimeSpan Delay);

/// <summary>What the checks found.</summary>
/// <param name="Faults">What is wrong; none: the request may be paid for.</param>
public sealed record ImagesChecked(IReadOnlyList<Fault> Faults);

/// <summary>What is to be submitted.</summary>
/// <param name="JobId">For whom.</param>
/// <param name="Key">Under which key in the ledger.</param>
/// <param name="Input">What: the model's input.</param>
/// <param name="OnlyAsk">
/// True once the job is to be cancelled: nothing is sent any more, and all that is wanted is what came of an earlier run of the step.
/// </param>
public sealed record SubmitInput(string JobId, string Key, JsonElement Input, bool OnlyAsk = false);

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
public sealed record SubmitOutcome(
    SubmitResult Result, string? RequestId = null, DateTimeOffset? SubmittedAt = null, DateTimeOffset? Until = null, TimeSpan? Delay = null,
    JobError? Error = null);

/// <summary>What a poll needs to know.</summary>
/// <param name="JobId">Whose.</param>
/// <param name="RequestId">RunComfy's id.</param>
/// <param name="SubmittedAt">When it was submitted (UTC).</param>
/// <param name="Faults">How many polls in a row have failed.</param>
/// <param name="Missing">In how many polls in a row RunComfy did not know the request.</param>
public sealed record PollInput(string JobId, string RequestId, DateTimeOffset SubmittedAt, int Faults, int Missing);

/// <summary>What a poll says of the request.</summary>
public enum PollResult
{
    /// <summary>Nothing new could be learnt: see the attention.</summary>
    Unknown,

    /// <summary>It waits in RunComfy's queue.</summary>
    Queued,

    /// <summary>It is being generated.</summary>
    Running,

    /// <summary>There is a result, and it says success.</summary>
    Succeeded,

    /// <summary>RunComfy says that it failed, or that it no longer knows it: see the error.</summary>
    Failed,

    /// <summary>RunComfy says that it was cancelled.</summary>
    Cancelled,
}

/// <summary>What came of a poll.</summary>
/// <param name="Result">What it says of the request.</param>
/// <param name="Delay">How long to wait before the next poll.</param>
/// <param name="Word">RunComfy's own word.</param>
/// <param name="QueuePosition">The place in its queue, where it says so.</param>
/// <param name="Attention">What is wrong and is being waited out.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="Missing">In how many polls in a row, this one included, RunComfy did not know the request.</param>
public sealed record PollOutcome(
    PollResult Result, TimeSpan Delay, string? Word = null, int? QueuePosition = null, Fault? Attention = null, JobError? Error = null,
    int Missing = 0);

/// <summary>What came of asking RunComfy to cancel.</summary>
public enum CancelOutcome
{
    /// <summary>It is cancelled.</summary>
    Cancelled,

    /// <summary>It is in progress or has ended: RunComfy does not cancel it.</summary>
    Refused,

    /// <summary>RunComfy could not be asked; the next poll tries again.</summary>
    NotAsked,
}

/// <summary>What is to be stored.</summary>
/// <param name="JobId">Whose.</param>
/// <param name="RequestId">RunComfy's id: the step fetches the result itself, so that result links never enter the history.</param>
public sealed record StoreInput(string JobId, string RequestId);

/// <summary>What came of storing.</summary>
/// <param name="Files">The stored files, the video first; null if it failed.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="MayRetry">Whether trying again soon may help.</param>
public sealed record StoreOutcome(IReadOnlyList<StoredFile>? Files, JobError? Error = null, bool MayRetry = false);

/// <summary>Of what the receivers are to be told.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Run">Which run of it.</param>
/// <param name="OwnHost">The host of the request's own webhook; null if it has none.</param>
/// <param name="Type">The event's type.</param>
public sealed record ReceiversInput(string JobId, int Run, string? OwnHost, string Type);

/// <summary>An upload whose job failed.</summary>
/// <param name="Path">The upload.</param>
/// <param name="Error">Why.</param>
public sealed record UploadFailure(string Path, JobError Error);
