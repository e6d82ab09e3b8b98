using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using KlingFunctions.Tests.Host.Protocol;
using Microsoft.DurableTask.Protobuf;
using Status = KlingFunctions.Tests.Host.Protocol.StatusResult.Types.Status;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Carries work from Durable's runtime to the app's functions, and their outcomes back, as the host's Durable extension does. All at once:
/// nothing waits for anything else.
/// </summary>
/// <param name="worker">Runs the functions.</param>
/// <param name="runtime">Gives out the work.</param>
/// <param name="timersAtMost">Brings durable timers that are further away than this nearer; null leaves them alone.</param>
/// <param name="atTurn">Told of each turn of an orchestrator, as the app answered it.</param>
internal sealed class DurableBridge(
    WorkerProcess worker, TaskHubSidecarService.TaskHubSidecarServiceClient runtime, TimeSpan? timersAtMost,
    Action<OrchestratorRequest, OrchestratorResponse> atTurn)
{
    /// <summary>Carries until it is told to stop; then what is under way comes to nothing.</summary>
    public async Task RunAsync(CancellationToken death)
    {
        using var work = runtime.GetWorkItems(new(), cancellationToken: death);
        try
        {
            await foreach (var item in work.ResponseStream.ReadAllAsync(death))
            {
                _ = item.RequestCase is WorkItem.RequestOneofCase.OrchestratorRequest
                    ? CarryAsync(item.OrchestratorRequest, death)
                    : CarryAsync(item.ActivityRequest, death);
            }
        }
        catch (Grpc.Core.RpcException) when (death.IsCancellationRequested)
        {
        }
    }

    /// <summary>Has the app take one turn of an orchestrator.</summary>
    public async Task<OrchestratorResponse> TakeTurnAsync(OrchestratorRequest request, CancellationToken death)
    {
        var name = request.PastEvents.Concat(request.NewEvents).Last(e => e.ExecutionStarted is not null).ExecutionStarted.Name;
        var response = await RunAsync("orchestrationTrigger", name, request.ToByteString().ToBase64(), request.InstanceId, death) switch
        {
            { Result.Status: Status.Success } ran => OrchestratorResponse.Parser.ParseFrom(ByteString.FromBase64(ran.ReturnValue.String)),
            { } failed => Failed(StepFailure.Read(failed.Result.Exception)),
            null => Failed(NoFunction(name)),
        };
        response.InstanceId = request.InstanceId;
        return response;
    }

    private async Task CarryAsync(OrchestratorRequest request, CancellationToken death)
    {
        var response = await TakeTurnAsync(request, death);
        atTurn(request, response);
        foreach (var timer in response.Actions.Where(a => a.CreateTimer is not null).Select(a => a.CreateTimer))
        {
            if (DateTime.UtcNow + timersAtMost is { } latest && timer.FireAt.ToDateTime() > latest) timer.FireAt = latest.ToTimestamp();
        }
        death.ThrowIfCancellationRequested();
        await runtime.CompleteOrchestratorTaskAsync(response, cancellationToken: death);
    }

    private async Task CarryAsync(ActivityRequest request, CancellationToken death)
    {
        var instance = request.OrchestrationInstance.InstanceId;
        var response = new ActivityResponse { InstanceId = instance, TaskId = request.TaskId };
        // The framework passes arguments as an array, which the extension takes off.
        var input = request.Input is null ? null : JsonDocument.Parse(request.Input).RootElement.EnumerateArray().Single().GetRawText();
        switch (await RunAsync("activityTrigger", request.Name, input, instance, death))
        {
            case { Result.Status: Status.Success } ran:
                response.Result = Json(ran.ReturnValue);
                break;
            case { } failed:
                response.FailureDetails = StepFailure.Read(failed.Result.Exception);
                break;
            case null:
                response.FailureDetails = NoFunction(request.Name);
                break;
        }
        death.ThrowIfCancellationRequested();
        await runtime.CompleteActivityTaskAsync(response, cancellationToken: death);
    }

    private async Task<InvocationResponse?> RunAsync(string trigger, string name, string? input, string instance, CancellationToken death)
    {
        var function = worker.Functions.FirstOrDefault(f =>
            f.IsTriggeredBy(trigger) && string.Equals(f.Trigger.Orchestration ?? f.Trigger.Activity ?? f.Name, name, StringComparison.OrdinalIgnoreCase));
        if (function is null) return null;
        return await worker.InvokeAsync(function, request =>
        {
            request.InputData.Add(new ParameterBinding { Name = function.Trigger.Name, Data = input is null ? new() : new() { String = input } });
            request.TriggerMetadata.Add("instanceId", new() { String = instance });
        }).WaitAsync(death);
    }

    private static OrchestratorResponse Failed(TaskFailureDetails details) => new()
    {
        Actions =
        {
            new OrchestratorAction { CompleteOrchestration = new() { OrchestrationStatus = OrchestrationStatus.Failed, FailureDetails = details } },
        },
    };

    private static TaskFailureDetails NoFunction(string name) =>
        new() { ErrorType = "FunctionNotFound", ErrorMessage = $"The function '{name}' doesn't exist, is disabled, or is not of the kind that is called for." };

    private static string? Json(TypedData? value) => value?.DataCase switch
    {
        TypedData.DataOneofCase.Json => value.Json,
        TypedData.DataOneofCase.String => JsonSerializer.Serialize(value.String),
        TypedData.DataOneofCase.Int => value.Int.ToString(CultureInfo.InvariantCulture),
        TypedData.DataOneofCase.Double => value.Double.ToString("R", CultureInfo.InvariantCulture),
        _ => null,
    };
}
