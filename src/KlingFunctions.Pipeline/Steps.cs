using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
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
