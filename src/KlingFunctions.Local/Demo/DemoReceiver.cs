using KlingFunctions.Local.Webhooks;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Demo;

/// <summary>A webhook with a valid signature.</summary>
/// <param name="Id">Its <c>webhook-id</c>.</param>
/// <param name="Body">Its body.</param>
internal sealed record SignedWebhook(string Id, WebhookBody Body);

/// <summary>A receiver as a user would write it: it listens on loopback, and accepts only signed webhooks.</summary>
internal sealed class DemoReceiver : IAsyncDisposable
{
    private readonly WebhookSecret _secret;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource<SignedWebhook> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebhookServer _server = null!;

    private DemoReceiver(WebhookSecret secret, TimeProvider time) => (_secret, _time) = (secret, time);

    public string Url => $"{_server.Url}/video-is-done";

    /// <summary>The first webhook with a valid signature.</summary>
    public Task<SignedWebhook> First => _first.Task;

    /// <summary>The number of webhooks with an invalid signature.</summary>
    public int Refused { get; private set; }

    public static async Task<DemoReceiver> StartAsync(string secret, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!WebhookSecret.TryParse(secret, out var parsed)) throw new ArgumentException("This is not a webhook secret.", nameof(secret));
        var receiver = new DemoReceiver(parsed, time);
        receiver._server = await WebhookServer.StartAsync(port: 0, receiver.ReceiveAsync, cancellationToken);
        return receiver;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        var webhook = await ReceivedWebhook.ReadAsync(http);
        if (webhook.IsSignedWith(_secret, _time) && webhook.Body() is { } body)
        {
            _first.TrySetResult(new(webhook.Id, body));
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        Refused++;
        http.Response.StatusCode = StatusCodes.Status401Unauthorized;
    }
}
