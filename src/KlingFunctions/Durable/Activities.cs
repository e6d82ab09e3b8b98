using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>
/// The activities: one for each step of the pipeline. Their names are part of every history. Which of them may be repeated is the
/// step's own business: see <see cref="Steps"/>.
/// </summary>
public sealed class Activities(
    TurnSteps turn, ValidateStep validate, SubmitStep submit, PollStep poll, CancelStep cancelAtProvider, StoreStep store, FindReceiversStep findReceivers,
    ReportUploadStep reportUpload, DeliverStep deliver)
{
    /// <summary>Takes one of the day's jobs for an upload.</summary>
    [Function("TakeDay")]
    public Task<Turn> TakeDayAsync([ActivityTrigger] string jobId, CancellationToken cancel) => turn.TakeDayAsync(jobId, cancel);

    /// <summary>Takes a place among the jobs in flight.</summary>
    [Function("Enter")]
    public Task<Turn> EnterAsync([ActivityTrigger] string jobId, CancellationToken cancel) => turn.EnterAsync(jobId, cancel);

    /// <summary>Gives the place back.</summary>
    [Function("Leave")]
    public Task<bool> LeaveAsync([ActivityTrigger] string jobId, CancellationToken cancel) => turn.LeaveAsync(jobId, cancel);

    /// <summary>Checks the images.</summary>
    [Function("Validate")]
    public Task<ImagesChecked> ValidateAsync([ActivityTrigger] JsonElement input, CancellationToken cancel) => validate.RunAsync(input, cancel);

    /// <summary>Submits, at most once.</summary>
    [Function("Submit")]
    public Task<SubmitOutcome> SubmitAsync([ActivityTrigger] SubmitInput input, CancellationToken cancel) => submit.RunAsync(input, cancel);

    /// <summary>Asks RunComfy how it stands.</summary>
    [Function("Poll")]
    public Task<PollOutcome> PollAsync([ActivityTrigger] PollInput input, CancellationToken cancel) => poll.RunAsync(input, cancel);

    /// <summary>Asks RunComfy to cancel.</summary>
    [Function("Cancel")]
    public Task<CancelOutcome> CancelAsync([ActivityTrigger] string requestId, CancellationToken cancel) => cancelAtProvider.RunAsync(requestId, cancel);

    /// <summary>Copies the result into the store.</summary>
    [Function("Store")]
    public Task<StoreOutcome> StoreAsync([ActivityTrigger] StoreInput input, CancellationToken cancel) => store.RunAsync(input, cancel);

    /// <summary>Finds out who is to be told.</summary>
    /// <remarks>An array, whatever list it was: the worker writes a result by its own type, which must be one that <see cref="DurableJson"/> knows.</remarks>
    [Function("FindReceivers")]
    public async Task<Receiver[]> FindReceiversAsync([ActivityTrigger] ReceiversInput input, CancellationToken cancel) =>
        [.. await findReceivers.RunAsync(input, cancel)];

    /// <summary>Leaves a report beside an upload whose job failed.</summary>
    [Function("ReportUpload")]
    public Task<bool> ReportUploadAsync([ActivityTrigger] UploadFailure failure, CancellationToken cancel) => reportUpload.RunAsync(failure, cancel);

    /// <summary>Makes one try to deliver a notification.</summary>
    [Function("Deliver")]
    public Task<DeliveryOutcome> DeliverAsync([ActivityTrigger] Delivery delivery, [DurableClient] DurableTaskClient client, CancellationToken cancel) =>
        deliver.RunAsync(delivery, cancel);

    /// <summary>Starts a workflow of its own, unless it is there.</summary>
    [Function("StartChild")]
    public static Task<bool> StartChildAsync([ActivityTrigger] ChildStart child, [DurableClient] DurableTaskClient client, CancellationToken cancel) =>
        client.TryStartAsync(child.Workflow, child.Id, child.Input, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancel);
}
