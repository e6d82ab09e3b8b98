using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using KlingFunctions.TestHost.Protocol;

namespace KlingFunctions.TestHost;

/// <summary>
/// The worker has ended. The Durable extension recognizes this type by its name and runs the work again instead of failing it.
/// </summary>
internal sealed class WorkerProcessExitException() : Exception("The worker process is gone.");

/// <summary>A function failed. The Durable extension parses type and message of the failure from this text.</summary>
internal sealed class WorkerException(StatusResult result)
    : Exception($"Result: {result.Status}\nException: {result.Exception?.Message}\nStack: {result.Exception?.StackTrace}");

/// <summary>The host's side of the gRPC stream between host and worker.</summary>
internal sealed class WorkerLine : FunctionRpc.FunctionRpcBase
{
    private readonly Channel<StreamingMessage> _outgoing = Channel.CreateUnbounded<StreamingMessage>();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> _pending = [];
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the worker has connected.</summary>
    public Task Connected => _connected.Task;

    /// <summary>Completes when the worker has ended.</summary>
    public Task Closed => _closed.Task;

    public IReadOnlyList<AppFunction> Functions { get; private set; } = [];

    /// <summary>The address for requests of HTTP triggers; null if the worker has none.</summary>
    public string? HttpAddress { get; private set; }

    /// <summary>Makes the worker describe and load its functions.</summary>
    public async Task LoadAsync(string appDirectory)
    {
        var init = (await AskAsync(new() { WorkerInitRequest = new() { HostVersion = "4.0.0", FunctionAppDirectory = appDirectory } })).WorkerInitResponse;
        ThrowIfFailed(init.Result);
        HttpAddress = init.Capabilities.GetValueOrDefault("HttpUri");
        var described = (await AskAsync(new() { FunctionsMetadataRequest = new() { FunctionAppDirectory = appDirectory } })).FunctionMetadataResponse;
        ThrowIfFailed(described.Result);
        foreach (var metadata in described.FunctionMetadataResults)
        {
            var load = new FunctionLoadRequest { FunctionId = metadata.FunctionId, Metadata = metadata };
            ThrowIfFailed((await AskAsync(new() { FunctionLoadRequest = load })).FunctionLoadResponse.Result);
        }
        Functions = [.. described.FunctionMetadataResults.Select(AppFunction.Read)];
    }

    /// <summary>Runs a function in the worker.</summary>
    /// <exception cref="WorkerException">The function failed.</exception>
    /// <exception cref="WorkerProcessExitException">The worker died before it answered.</exception>
    public async Task<TypedData?> InvokeAsync(InvocationRequest request)
    {
        var answer = (await AskAsync(new() { InvocationRequest = request }, request.InvocationId)).InvocationResponse;
        ThrowIfFailed(answer.Result);
        return answer.ReturnValue;
    }

    public override async Task EventStream(
        IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        var reading = ReadAsync(requestStream);
        try
        {
            await foreach (var message in _outgoing.Reader.ReadAllAsync(context.CancellationToken)) await responseStream.WriteAsync(message);
        }
        catch (OperationCanceledException)
        {
            // The worker has ended, which ReadAsync reports.
        }
        await reading;
    }

    private static void ThrowIfFailed(StatusResult result)
    {
        if (result.Status is not StatusResult.Types.Status.Success) throw new WorkerException(result);
    }

    private async Task<StreamingMessage> AskAsync(StreamingMessage question, string? id = null)
    {
        question.RequestId = id ?? Guid.NewGuid().ToString();
        var answer = _pending.GetOrAdd(question.RequestId, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!_outgoing.Writer.TryWrite(question)) throw new WorkerProcessExitException();
        return await answer.Task;
    }

    private async Task ReadAsync(IAsyncStreamReader<StreamingMessage> stream)
    {
        try
        {
            while (await stream.MoveNext()) Read(stream.Current);
        }
        catch (Exception e) when (e is IOException or Grpc.Core.RpcException or OperationCanceledException)
        {
            // A killed worker breaks the stream.
        }
        _outgoing.Writer.TryComplete();
        foreach (var answer in _pending.Values) answer.TrySetException(new WorkerProcessExitException());
        _closed.TrySetResult();
    }

    private void Read(StreamingMessage message)
    {
        if (message.ContentCase is StreamingMessage.ContentOneofCase.StartStream) _connected.TrySetResult();
        else if (message.ContentCase is StreamingMessage.ContentOneofCase.RpcLog) Log(message.RpcLog);
        else if (_pending.TryRemove(message.RequestId, out var answer)) answer.TrySetResult(message);
    }

    // As in the Functions host: a log line of the app is only shown with its invocation.
    private static void Log(RpcLog log)
    {
        if (log.InvocationId.Length > 0) Console.WriteLine($"{log.Category}: {log.Message} {log.Properties} {log.Exception?.Message}".ReplaceLineEndings(" "));
    }
}
