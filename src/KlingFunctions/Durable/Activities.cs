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
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>
/// The activities: one for each step of the pipeline, under the name that recorded histories have. The catalogue binds their code, and each
/// <see cref="Steps">step</see> has its own retry policy.
/// </summary>
public sealed class Activities(WorkflowCatalog catalog)
{
    /// <summary>Reserves one of the day's jobs for an upload.</summary>
    [Function("TakeDay")]
    public Task<Permit> TakeDayAsync([ActivityTrigger] string jobId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.TakeDay, jobId, cancellationToken);

    /// <summary>Acquires a slot among the jobs in flight.</summary>
    [Function("Enter")]
    public Task<Permit> AcquireSlotAsync([ActivityTrigger] string jobId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.AcquireSlot, jobId, cancellationToken);

    /// <summary>Releases the slot to the first job in the queue.</summary>
    [Function("Leave")]
    public Task<bool> ReleaseSlotAsync([ActivityTrigger] string jobId, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.ReleaseSlot, jobId, cancellationToken);

    /// <summary>Checks the images.</summary>
    [Function("Validate")]
    public Task<ImagesChecked> ValidateAsync([ActivityTrigger] JsonElement input, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Validate, input, cancellationToken);

    /// <summary>Submits, at most once.</summary>
    [Function("Submit")]
    public Task<SubmitOutcome> SubmitAsync([ActivityTrigger] SubmitInput input, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Submit, input, cancellationToken);

    /// <summary>Asks RunComfy for the status.</summary>
    [Function("Poll")]
    public Task<PollOutcome> PollAsync([ActivityTrigger] PollInput input, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Poll, input, cancellationToken);

    /// <summary>Asks RunComfy to cancel.</summary>
    [Function("Cancel")]
    public Task<CancelOutcome> CancelAsync([ActivityTrigger] string requestId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Cancel, requestId, cancellationToken);

    /// <summary>Copies the result into the store.</summary>
    [Function("Store")]
    public Task<StoreOutcome> StoreAsync([ActivityTrigger] StoreInput input, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Store, input, cancellationToken);

    /// <summary>Lists the receivers of a finished job's notifications.</summary>
    /// <remarks>
    /// Returns an array whatever list the step returns: the worker serializes a result by its runtime type, which
    /// <see cref="DurableJson"/> must know.
    /// </remarks>
    [Function("FindReceivers")]
    public async Task<Receiver[]> FindReceiversAsync([ActivityTrigger] ReceiversInput input, CancellationToken cancellationToken) =>
        [.. await catalog.RunAsync(Steps.FindReceivers, input, cancellationToken)];

    /// <summary>Counts a finished job in its batch.</summary>
    [Function("EndBatchItem")]
    public Task<bool> EndBatchItemAsync([ActivityTrigger] BatchItemEnd end, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.EndBatchItem, end, cancellationToken);

    /// <summary>Writes a report beside an upload whose job failed.</summary>
    [Function("ReportUpload")]
    public Task<bool> ReportUploadAsync([ActivityTrigger] UploadFailure failure, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.ReportUpload, failure, cancellationToken);

    /// <summary>Makes one attempt to deliver a notification.</summary>
    [Function("Deliver")]
    public Task<DeliveryOutcome> DeliverAsync(
        [ActivityTrigger] Delivery delivery, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        catalog.RunAsync(Notify.Deliver, delivery, cancellationToken);

    /// <summary>Starts a separate workflow, unless its id exists already.</summary>
    [Function("StartChild")]
    public static Task<bool> StartChildAsync(
        [ActivityTrigger] ChildStart child, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        client.TryStartAsync(child.Workflow, child.Id, child.Input, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancellationToken);
}
