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
/// The activities: one for each step of the pipeline, under the name that every history has for it. The catalogue knows their code, and
/// each <see cref="Steps">step</see> its own retry policy.
/// </summary>
public sealed class Activities(WorkflowCatalog catalog)
{
    /// <summary>Takes one of the day's jobs for an upload.</summary>
    [Function("TakeDay")]
    public Task<Turn> TakeDayAsync([ActivityTrigger] string jobId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.TakeDay, jobId, cancellationToken);

    /// <summary>Takes a place among the jobs in flight.</summary>
    [Function("Enter")]
    public Task<Turn> EnterAsync([ActivityTrigger] string jobId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Enter, jobId, cancellationToken);

    /// <summary>Gives the place back.</summary>
    [Function("Leave")]
    public Task<bool> LeaveAsync([ActivityTrigger] string jobId, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.Leave, jobId, cancellationToken);

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

    /// <summary>Lists the receivers of a job's end.</summary>
    /// <remarks>
    /// Returns an array, whatever list the step gives: the worker serialises a result by its runtime type, which must be one that
    /// <see cref="DurableJson"/> knows.
    /// </remarks>
    [Function("FindReceivers")]
    public async Task<Receiver[]> FindReceiversAsync([ActivityTrigger] ReceiversInput input, CancellationToken cancellationToken) =>
        [.. await catalog.RunAsync(Steps.FindReceivers, input, cancellationToken)];

    /// <summary>Writes a report beside an upload whose job failed.</summary>
    [Function("ReportUpload")]
    public Task<bool> ReportUploadAsync([ActivityTrigger] UploadFailure failure, CancellationToken cancellationToken) =>
        catalog.RunAsync(Steps.ReportUpload, failure, cancellationToken);

    /// <summary>Makes one attempt to deliver a notification.</summary>
    [Function("Deliver")]
    public Task<DeliveryOutcome> DeliverAsync(
        [ActivityTrigger] Delivery delivery, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        catalog.RunAsync(Notify.Deliver, delivery, cancellationToken);

    /// <summary>Starts a workflow of its own, unless its id is there already.</summary>
    [Function("StartChild")]
    public static Task<bool> StartChildAsync(
        [ActivityTrigger] ChildStart child, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        client.TryStartAsync(child.Workflow, child.Id, child.Input, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, cancellationToken);
}
