using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.DurableTask;
using RetryPolicy = KlingFunctions.Pipeline.Workflow.RetryPolicy;

namespace KlingFunctions.Durable;

/// <summary>A workflow's context on Durable Functions.</summary>
/// <param name="context">Durable's own context.</param>
/// <param name="json">Serializes the input of a child, with the options of the worker's serializer.</param>
internal sealed class DurableContext(TaskOrchestrationContext context, JsonSerializerOptions json) : IWorkflowContext
{
    // Azure Storage delays a queue message by whole seconds, rounded down. Without this second a timer fires up to a second early, and a
    // timer of less than a second fires at once: the workflow would spin until its time has come.
    private static readonly TimeSpan QueueResolution = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Id => context.InstanceId;

    /// <inheritdoc/>
    public DateTimeOffset Now => new(DateTime.SpecifyKind(context.CurrentUtcDateTime, DateTimeKind.Utc));

    /// <inheritdoc/>
    public async Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input)
    {
        try
        {
            return await context.CallActivityAsync<TOut>(step.Name, input, Options(step.Retry));
        }
        catch (TaskFailedException failure)
        {
            throw new StepFailedException(step.Name, failure.FailureDetails.ErrorMessage);
        }
    }

    /// <inheritdoc/>
    public Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        time <= Now ? Task.CompletedTask : context.CreateTimer(time.UtcDateTime + QueueResolution, cancellationToken);

    /// <inheritdoc/>
    public Task WaitForEventAsync(string name) => context.WaitForExternalEvent<object?>(name);

    /// <inheritdoc/>
    public void ReportStatus<T>(T status) => context.SetCustomStatus(status);

    /// <inheritdoc/>
    public Task StartChildAsync<TIn>(string workflow, string id, TIn input)
    {
        // Not a sub-orchestration: that would fail if the id exists already, and would be part of this orchestration.
        var start = new ChildStart(workflow, id, JsonSerializer.SerializeToElement(input, json));
        return CallAsync(ChildStart.Step, start);
    }

    /// <inheritdoc/>
    public void ContinueAsNew<TIn>(TIn input) => context.ContinueAsNew(input, preserveUnprocessedEvents: true);

    private static TaskOptions? Options(RetryPolicy? retry) => retry is null ? null : TaskOptions.FromRetryPolicy(
        new Microsoft.DurableTask.RetryPolicy(retry.MaxAttempts, retry.FirstDelay, retry.Backoff, retry.MaxDelay));
}
