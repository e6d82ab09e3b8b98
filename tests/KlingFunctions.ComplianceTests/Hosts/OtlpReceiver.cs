using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>An OTLP collector on loopback. Protobuf stores text unchanged, so exports can be searched without decoding.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly WebApplication _server;
    private readonly ConcurrentQueue<string> _received = [];
    private readonly ConcurrentQueue<OtlpSpan> _spans = [];

    private OtlpReceiver(WebApplication server) => _server = server;

    public string Url => _server.Urls.First();

    /// <summary>The bodies of all exports: traces, metrics and logs.</summary>
    public IReadOnlyCollection<string> Received => _received;

    /// <summary>All spans that were exported.</summary>
    public IReadOnlyCollection<OtlpSpan> Spans => _spans;

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var receiver = new OtlpReceiver(builder.Build());
        receiver._server.Run(receiver.ReceiveAsync);
        await receiver._server.StartAsync();
        return receiver;
    }

    /// <summary>Waits until this text was exported: batches are sent every few seconds.</summary>
    public async Task<string> UntilAsync(string text)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            if (_received.FirstOrDefault(r => r.Contains(text, StringComparison.Ordinal)) is { } found) return found;
            await Task.Delay(100, limit.Token);
        }
    }

    /// <summary>Waits until a matching span was exported.</summary>
    public async Task<OtlpSpan> UntilAsync(Func<OtlpSpan, bool> isWanted)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            if (_spans.FirstOrDefault(isWanted) is { } found) return found;
            await Task.Delay(100, limit.Token);
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        var bytes = body.ToArray();
        if (http.Request.Path == "/v1/traces") foreach (var span in OtlpSpan.Read(bytes)) _spans.Enqueue(span);
        _received.Enqueue(Encoding.Latin1.GetString(bytes));
    }
}
