using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;

namespace KlingFunctions.AzureStorage.Tests.Storage;

/// <summary>The network to storage, which a test can disturb. The client retries as in production, without the delays.</summary>
internal sealed class Network : HttpPipelineTransport
{
    private readonly HttpPipelineTransport _real = new HttpClientTransport();
    private readonly Lock _gate = new();
    private readonly List<(Func<Request, bool> Matches, Func<Task> Meanwhile)> _losses = [];

    /// <summary>Every request, and whether it asks storage to copy from a URL.</summary>
    public List<(RequestMethod Method, string Path, bool Copies)> Sent { get; } = [];

    /// <summary>Runs before a request is sent.</summary>
    public Func<HttpMessage, Task>? Before { get; set; }

    /// <summary>Answers in place of storage; null sends the request on.</summary>
    public Func<Request, Response?>? Answer { get; set; }

    /// <inheritdoc cref="Answer"/>
    public Func<Request, Task<Response?>>? AnswerLater { get; set; }

    /// <summary>Loses the response to the next matching request, after storage has processed it.</summary>
    /// <param name="matches">Selects the request.</param>
    /// <param name="meanwhile">Runs between storage's work and the client's next try.</param>
    public void LoseAnswer(Func<Request, bool> matches, Func<Task>? meanwhile = null)
    {
        lock (_gate) _losses.Add((matches, meanwhile ?? (() => Task.CompletedTask)));
    }

    public BlobClientOptions Options()
    {
        var options = BlobAccount.ClientOptions();
        options.Transport = this;
        options.Retry.Mode = RetryMode.Fixed;
        options.Retry.Delay = TimeSpan.FromMilliseconds(1);
        return options;
    }

    public override Request CreateRequest() => _real.CreateRequest();

    public override void Process(HttpMessage message) => throw new NotSupportedException();

    public override async ValueTask ProcessAsync(HttpMessage message)
    {
        var request = message.Request;
        lock (_gate) Sent.Add((request.Method, request.Uri.PathAndQuery, request.Headers.Contains("x-ms-copy-source")));
        if (Before is not null) await Before(message);
        if ((Answer?.Invoke(request) ?? (AnswerLater is null ? null : await AnswerLater(request))) is { } answer)
        {
            message.Response = answer;
            return;
        }

        await _real.ProcessAsync(message);
        Func<Task> meanwhile;
        lock (_gate)
        {
            var loss = _losses.FindIndex(l => l.Matches(request));
            if (loss < 0) return;
            meanwhile = _losses[loss].Meanwhile;
            _losses.RemoveAt(loss);
        }
        message.Response.Dispose();
        await meanwhile();
        throw new IOException("The answer was lost.");
    }
}
