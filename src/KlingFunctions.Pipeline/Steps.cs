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
/// The steps of <see cref="GenerateVideo"/>: their names, inputs and outputs. All of these are saved in the history, so they never contain
/// the URL of a webhook.
/// </summary>
public static class Steps
{
    /// <summary>
    /// Retries a step after infrastructure failures: disk full, storage unreachable. Every step with this policy is idempotent, the
    /// submission too: its ledger entry keeps a second run from paying.
    /// </summary>
    public static readonly RetryPolicy InfrastructureRetry = new(8, TimeSpan.FromSeconds(2), 3, TimeSpan.FromMinutes(5));

    /// <summary>Takes one of the day's submissions, if there is one: for uploads, which can't be told to come back tomorrow.</summary>
    public static readonly Step<string, Permit> TakeDay = new("TakeDay", InfrastructureRetry);

    /// <summary>Takes a place among the jobs in flight, if there is one.</summary>
    public static readonly Step<string, Permit> AcquireSlot = new("Enter", InfrastructureRetry);

    /// <summary>Gives the place back.</summary>
    public static readonly Step<string, bool> ReleaseSlot = new("Leave", InfrastructureRetry);

    /// <summary>Checks the images.</summary>
    public static readonly Step<JsonElement, ImagesChecked> Validate = new("Validate", InfrastructureRetry);

    /// <summary>Submits, at most once.</summary>
    public static readonly Step<SubmitInput, SubmitOutcome> Submit = new("Submit", InfrastructureRetry);

    /// <summary>Asks RunComfy for the state. Failures are part of the outcome; the workflow itself retries.</summary>
    public static readonly Step<PollInput, PollOutcome> Poll = new("Poll");

    /// <summary>Asks RunComfy to cancel.</summary>
    public static readonly Step<string, CancelOutcome> Cancel = new("Cancel");

    /// <summary>Fetches the result and copies its files into the store.</summary>
    public static readonly Step<StoreInput, StoreOutcome> Store = new("Store", InfrastructureRetry);

    /// <summary>Finds the receivers to notify.</summary>
    public static readonly Step<ReceiversInput, IReadOnlyList<Receiver>> FindReceivers = new("FindReceivers", InfrastructureRetry);

    /// <summary>Counts the end of a job in its batch, and notifies of the batch after the last one.</summary>
    public static readonly Step<BatchItemEnd, bool> EndBatchItem = new("EndBatchItem", InfrastructureRetry);

    /// <summary>Leaves a report beside an upload whose job failed.</summary>
    public static readonly Step<UploadFailure, bool> ReportUpload = new("ReportUpload", InfrastructureRetry);
}
