using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using KlingFunctions.Tests.Host.Protocol;

namespace KlingFunctions.Tests.Host;

/// <summary>The host's end of the stream between host and worker.</summary>
internal sealed class WorkerLine(Action<RpcLog> log) : FunctionRpc.FunctionRpcBase
{
    private readonly Channel<StreamingMessage> _outgoing = Channel.CreateUnbounded<StreamingMessage>();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> _asked = [];
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the worker has said who it is.</summary>
    public Task Started => _started.Task;

    public override async Task EventStream(
        IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        var reading = ReadAsync(requestStream, context.CancellationToken);
        await foreach (var message in _outgoing.Reader.ReadAllAsync(context.CancellationToken)) await responseStream.WriteAsync(message);
        await reading;
    }

    /// <summary>Asks the worker, and waits for its answer.</summary>
    /// <exception cref="OperationCanceledException">The worker died before it answered.</exception>
    public async Task<StreamingMessage> AskAsync(StreamingMessage question, string? id = null)
    {
        question.RequestId = id ?? Guid.NewGuid().ToString();
        var answer = _asked.GetOrAdd(question.RequestId, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!_outgoing.Writer.TryWrite(question)) answer.TrySetCanceled();
        return await answer.Task;
    }

    /// <summary>Cancels whatever is under way, and says nothing more.</summary>
    public void HangUp()
    {
        foreach (var id in _asked.Keys) _outgoing.Writer.TryWrite(new() { InvocationCancel = new() { InvocationId = id } });
        _outgoing.Writer.TryComplete();
        foreach (var answer in _asked.Values) answer.TrySetCanceled();
    }

    private async Task ReadAsync(IAsyncStreamReader<StreamingMessage> stream, CancellationToken cancel)
    {
        await foreach (var message in stream.ReadAllAsync(cancel))
        {
            if (message.ContentCase is StreamingMessage.ContentOneofCase.StartStream) _started.TrySetResult();
            else if (message.ContentCase is StreamingMessage.ContentOneofCase.RpcLog) log(message.RpcLog);
            else if (_asked.TryRemove(message.RequestId, out var asked)) asked.TrySetResult(message);
        }
    }
}
