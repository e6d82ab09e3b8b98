using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Durable;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.TestHost.Protocol;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.DurableTask.Worker.Shims;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Status = KlingFunctions.TestHost.Protocol.StatusResult.Types.Status;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// A worker in the test's own process, so that workflows and steps may be closures of a test. Workflows run on Durable's published runner
/// and on the app's own context.
/// </summary>
internal sealed class EngineWorker : IAsyncDisposable
{
    /// <summary>
    /// A function bound to Durable's client. <see cref="Client"/> is set once the host has called it, because the binding contains the
    /// address.
    /// </summary>
    public const string ClientFunction = "Client";

    private static readonly JsonSerializerOptions Json = new(WorkflowContextContract.Json)
    {
        // The types of the tests, and those that the app's adapter adds.
        TypeInfoResolver = JsonTypeInfoResolver.Combine(DurableJson.Default, new DefaultJsonTypeInfoResolver()),
    };

    private static readonly JsonDataConverter Converter = new(Json);

    private readonly ServiceProvider _services;
    private readonly GrpcChannel _host;
    private readonly CancellationTokenSource _death = new();
    private readonly Channel<StreamingMessage> _outgoing = Channel.CreateUnbounded<StreamingMessage>();
    private GrpcChannel? _durable;
    private long _moves;
    private int _running;
    private int _timers;

    private EngineWorker(Uri host)
    {
        _services = new ServiceCollection()
            .AddSingleton(new DurableTaskShimFactory(new DurableTaskWorkerOptions { DataConverter = Converter }, NullLoggerFactory.Instance))
            .BuildServiceProvider();
        _host = GrpcChannel.ForAddress(host, new() { MaxReceiveMessageSize = null, MaxSendMessageSize = null });
    }

    /// <summary>
    /// The code of workflows and steps, by name. The host knows the names from the start: see
    /// <see cref="WorkflowContextContract.WorkflowNames"/>.
    /// </summary>
    public required WorkflowCatalog Catalog { get; set; }

    /// <summary>The number of invocations that have started, plus those that have ended.</summary>
    public long Moves => Interlocked.Read(ref _moves);

    /// <summary>The upper limit of timers that have not fired: cancelled ones are counted too.</summary>
    public int Timers => Volatile.Read(ref _timers);

    public bool IsIdle => Volatile.Read(ref _running) == 0;

    /// <summary>The published client, on the Durable extension's own endpoint.</summary>
    public DurableTaskClient Client { get; private set; } = null!;

    public static EngineWorker Connect(WorkflowCatalog catalog, Uri host)
    {
        var worker = new EngineWorker(host) { Catalog = catalog };
        var line = new FunctionRpc.FunctionRpcClient(worker._host).EventStream(cancellationToken: worker._death.Token);
        worker._outgoing.Writer.TryWrite(new() { StartStream = new() { WorkerId = "engine" } });
        _ = worker.WriteAsync(line.RequestStream);
        _ = worker.ReadAsync(line.ResponseStream);
        return worker;
    }

    /// <summary>Cancels running work, and sends no further answers.</summary>
    public async ValueTask DisposeAsync()
    {
        await _death.CancelAsync();
        _host.Dispose();
        _durable?.Dispose();
        await _services.DisposeAsync();
    }

    private async Task WriteAsync(IClientStreamWriter<StreamingMessage> stream)
    {
        try
        {
            await foreach (var message in _outgoing.Reader.ReadAllAsync(_death.Token)) await stream.WriteAsync(message, _death.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or Grpc.Core.RpcException or InvalidOperationException)
        {
            // The host is dead.
        }
    }

    private async Task ReadAsync(IAsyncStreamReader<StreamingMessage> stream)
    {
        try
        {
            await foreach (var message in stream.ReadAllAsync(_death.Token)) _ = Task.Run(() => AnswerAsync(message));
        }
        catch (Exception e) when (e is OperationCanceledException or Grpc.Core.RpcException)
        {
            // The host is dead.
        }
    }

    private async Task AnswerAsync(StreamingMessage message)
    {
        var answer = message.ContentCase switch
        {
            StreamingMessage.ContentOneofCase.WorkerInitRequest => new StreamingMessage { WorkerInitResponse = new() { Result = Succeeded() } },
            StreamingMessage.ContentOneofCase.FunctionsMetadataRequest => new() { FunctionMetadataResponse = Describe() },
            StreamingMessage.ContentOneofCase.FunctionLoadRequest => new()
            {
                FunctionLoadResponse = new() { FunctionId = message.FunctionLoadRequest.FunctionId, Result = Succeeded() },
            },
            StreamingMessage.ContentOneofCase.InvocationRequest => new() { InvocationResponse = await RunAsync(message.InvocationRequest) },
            _ => null,
        };
        if (answer is null) return;
        answer.RequestId = message.RequestId;
        _outgoing.Writer.TryWrite(answer);
    }

    private static FunctionMetadataResponse Describe()
    {
        var response = new FunctionMetadataResponse { Result = Succeeded() };
        void Add(string name, params object[] bindings) => response.FunctionMetadataResults.Add(new RpcFunctionMetadata
        {
            Name = name,
            FunctionId = name,
            RawBindings = { bindings.Select(b => JsonSerializer.Serialize(b)) },
        });
        foreach (var workflow in WorkflowContextContract.WorkflowNames.Append(HttpCall.Name)) Add(workflow, new { name = "context", type = "orchestrationTrigger" });
        foreach (var step in WorkflowContextContract.StepNames.Append(ChildStart.Step.Name)) Add(step, new { name = "input", type = "activityTrigger" });
        Add(ClientFunction, new { name = "call", type = "timerTrigger" }, new { name = "client", type = "durableClient" });
        return response;
    }

    private async Task<InvocationResponse> RunAsync(InvocationRequest request)
    {
        Interlocked.Increment(ref _running);
        Interlocked.Increment(ref _moves);
        var response = new InvocationResponse { InvocationId = request.InvocationId, Result = Succeeded() };
        try
        {
            response.ReturnValue = await RunAsync(request.FunctionId, request.InputData.ToDictionary(i => i.Name, i => i.Data));
        }
        catch (Exception e)
        {
            var failure = new TestHost.Protocol.RpcException { Message = $"{e.GetType().FullName}: {e.Message}", StackTrace = e.StackTrace ?? "" };
            response.Result = new() { Status = Status.Failure, Exception = failure };
        }
        finally
        {
            Interlocked.Increment(ref _moves);
            Interlocked.Decrement(ref _running);
        }
        return response;
    }

    private async Task<TypedData> RunAsync(string function, Dictionary<string, TypedData> input)
    {
        if (input.TryGetValue("context", out var turn)) return new() { String = TakeTurn(function, turn.String) };
        if (function == ClientFunction)
        {
            Open(input["client"].String);
            return new();
        }
        if (function != ChildStart.Step.Name) return new() { Json = await Catalog.Step(function).RunAsync(input["input"].String, _death.Token) };
        var child = JsonSerializer.Deserialize<ChildStart>(input["input"].String, Json)!;
        await Client.TryStartAsync(child.Workflow, child.Id, child.Input, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, _death.Token);
        return new() { Json = "true" };
    }

    private string TakeTurn(string workflow, string request)
    {
        ITaskOrchestrator orchestrator = workflow == HttpCall.Name ? new HttpCall() : new Orchestrator(Catalog.Workflow(workflow), Json);
        var response = GrpcOrchestrationRunner.LoadAndRun(request, orchestrator, _services);
        var made = OrchestratorResponse.Parser.ParseFrom(ByteString.FromBase64(response)).Actions.Count(a => a.CreateTimer is not null);
        var fired = OrchestratorRequest.Parser.ParseFrom(ByteString.FromBase64(request)).NewEvents.Count(e => e.TimerFired is not null);
        Interlocked.Add(ref _timers, made - fired);
        return response;
    }

    /// <summary>Creates the client as the worker's Durable extension does from the same binding.</summary>
    private void Open(string binding)
    {
        var parts = JsonElement.Parse(binding);
        _durable = GrpcChannel.ForAddress(parts.GetProperty("rpcBaseUrl").GetString()!, new() { MaxReceiveMessageSize = null });
        var invoker = _durable.Intercept(headers =>
        {
            if (parts.GetProperty("taskHubName").GetString() is { Length: > 0 } hub) headers.Add("Durable-TaskHub", hub);
            if (parts.GetProperty("connectionName").GetString() is { Length: > 0 } connection) headers.Add("Durable-ConnectionName", connection);
            return headers;
        });
        Client = new GrpcDurableTaskClient(
            "engine", new GrpcDurableTaskClientOptions { CallInvoker = invoker, DataConverter = Converter }, NullLogger.Instance);
    }

    private static StatusResult Succeeded() => new() { Status = Status.Success };

    private sealed class Orchestrator(CataloguedWorkflow workflow, JsonSerializerOptions json) : ITaskOrchestrator
    {
        public Type InputType => typeof(JsonElement);

        public Type OutputType => typeof(JsonElement);

        public async Task<object?> RunAsync(TaskOrchestrationContext context, object? input) =>
            JsonElement.Parse(await workflow.RunAsync(new DurableContext(context, json), ((JsonElement)input!).GetRawText()));
    }
}
