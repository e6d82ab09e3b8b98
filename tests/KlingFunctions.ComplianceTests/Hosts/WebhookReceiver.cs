using System.Collections.Concurrent;
using System.Text.Json;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>A received webhook.</summary>
public sealed record ReceivedWebhook(string Id, string Timestamp, string? Signature, byte[] Body)
{
    /// <summary>The receiver's own header; null if missing.</summary>
    public string? Authorization { get; init; }

    /// <summary>The trace context; null if missing.</summary>
    public string? TraceParent { get; init; }

    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public bool IsSignedWith(string secret, DateTimeOffset now) => Signature is { } signature
        && WebhookSignature.Verify([Parse(secret)], Id, Timestamp, signature, Body, new FixedTime(now));

    private static WebhookSecret Parse(string secret) =>
        WebhookSecret.TryParse(secret, out var parsed) ? parsed : throw new ArgumentException("Not a webhook secret.", nameof(secret));

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}

/// <summary>A receiver of webhooks on loopback, with answers chosen by the test.</summary>
public sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedWebhook> _received = [];
    private readonly ConcurrentQueue<(int Status, string? RetryAfter)> _answers = [];

    private WebhookReceiver(WebApplication app) => _app = app;

    /// <summary>The receiver's URL, with a secret query.</summary>
    public string Url => $"{_app.Urls.First()}/hook?secret=s3cr3t-in-a-query";

    public IReadOnlyList<ReceivedWebhook> Received => [.. _received];

    /// <summary>The status of its answers, after the queued ones are used up.</summary>
    public int Status { get; set; } = 204;

    /// <summary>What the receiver does with a webhook before it answers.</summary>
    public Func<ReceivedWebhook, Task> Receiving { get; set; } = _ => Task.CompletedTask;

    public static async Task<WebhookReceiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new WebhookReceiver(app);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync();
        return receiver;
    }

    public void Answer(int status, string? retryAfter = null) => _answers.Enqueue((status, retryAfter));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext http)
    {
        var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        var headers = http.Request.Headers;
        var webhook = new ReceivedWebhook(headers["webhook-id"]!, headers["webhook-timestamp"]!, headers["webhook-signature"], body.ToArray())
        {
            Authorization = headers.Authorization,
            TraceParent = headers["traceparent"],
        };
        await Receiving(webhook);
        _received.Enqueue(webhook);
        var (status, retryAfter) = _answers.TryDequeue(out var answer) ? answer : (Status, null);
        http.Response.StatusCode = status;
        if (retryAfter is not null) http.Response.Headers.RetryAfter = retryAfter;
        if (status is >= 300 and < 400) http.Response.Headers.Location = "/elsewhere";
    }
}
