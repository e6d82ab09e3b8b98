using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Demo;

/// <summary>A webhook that came in with a good signature.</summary>
/// <param name="Id">Its <c>webhook-id</c>.</param>
/// <param name="Body">What it says.</param>
internal sealed record SignedWebhook(string Id, WebhookBody Body);

/// <summary>What an owner of videos would write: it takes webhooks on loopback, and believes only those that are signed.</summary>
internal sealed class DemoReceiver : IAsyncDisposable
{
    private const int MaxBody = 1024 * 1024;

    private readonly WebApplication _app;
    private readonly WebhookSecret _secret;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource<SignedWebhook> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DemoReceiver(WebApplication app, WebhookSecret secret, TimeProvider time) => (_app, _secret, _time) = (app, secret, time);

    public string Url => $"{_app.Urls.First()}/video-is-done";

    /// <summary>The first webhook with a good signature.</summary>
    public Task<SignedWebhook> First => _first.Task;

    /// <summary>How many came with a bad one.</summary>
    public int Refused { get; private set; }

    public static async Task<DemoReceiver> StartAsync(string secret, TimeProvider time, CancellationToken cancel)
    {
        if (!WebhookSecret.TryParse(secret, out var parsed)) throw new ArgumentException("This is not a webhook secret.", nameof(secret));
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = MaxBody);
        var app = builder.Build();
        var receiver = new DemoReceiver(app, parsed, time);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync(cancel);
        return receiver;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task ReceiveAsync(HttpContext http)
    {
        var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        var bytes = body.ToArray();
        string Header(string name) => http.Request.Headers[name].ToString();
        var isGood = WebhookSignature.Verify(
            [_secret], Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"), bytes, _time);
        if (isGood) _first.TrySetResult(new(Header("webhook-id"), JsonSerializer.Deserialize(bytes, PipelineJson.Default.WebhookBody)!));
        else Refused++;
        http.Response.StatusCode = isGood ? StatusCodes.Status204NoContent : StatusCodes.Status401Unauthorized;
    }
}
