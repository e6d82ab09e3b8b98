using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// A proxy between a host and RunComfy that records when it passes on that a request is completed, and the receiver of the webhook. So the
/// time between both is measured with one clock, whatever process the host is.
/// </summary>
internal sealed class CompletedClock : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
    private readonly Uri _runComfy;
    private readonly ConcurrentDictionary<string, long> _completed = [];
    private readonly ConcurrentQueue<TimeSpan> _delays = [];

    private CompletedClock(WebApplication app, Uri runComfy) => (_app, _runComfy) = (app, runComfy);

    /// <summary>The address that a host uses as RunComfy's.</summary>
    public Uri Url => new(_app.Urls.First());

    public Uri Webhook => new(Url, "/hook");

    /// <summary>The time from "completed" to the webhook, for each job so far.</summary>
    public IReadOnlyCollection<TimeSpan> Delays => _delays;

    public static async Task<CompletedClock> StartAsync(Uri runComfy)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var clock = new CompletedClock(builder.Build(), runComfy);
        clock._app.Run(clock.AnswerAsync);
        await clock._app.StartAsync();
        return clock;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private Task AnswerAsync(HttpContext http) => http.Request.Path == "/hook" ? ReceiveAsync(http) : PassOnAsync(http);

    private async Task ReceiveAsync(HttpContext http)
    {
        var body = await JsonNode.ParseAsync(http.Request.Body);
        var requestId = (string)body!["data"]!["provider"]!["request_id"]!;
        _delays.Enqueue(Stopwatch.GetElapsedTime(_completed[requestId]));
    }

    private async Task PassOnAsync(HttpContext http)
    {
        using var request = new HttpRequestMessage(new(http.Request.Method), new Uri(_runComfy, $"{http.Request.Path}{http.Request.QueryString}"));
        if (http.Request.ContentLength > 0)
        {
            request.Content = new StreamContent(http.Request.Body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
        }
        // Links in RunComfy's answers then lead to this proxy.
        request.Headers.Host = http.Request.Host.Value;
        request.Headers.TryAddWithoutValidation("Authorization", (string?)http.Request.Headers.Authorization);
        request.Headers.TryAddWithoutValidation("Range", (string?)http.Request.Headers.Range);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Content.Headers) http.Response.Headers[name] = values.ToArray();
        foreach (var (name, values) in answer.Headers.Where(h => h.Key != "Transfer-Encoding")) http.Response.Headers[name] = values.ToArray();
        if (!http.Request.Path.Value!.EndsWith("/status", StringComparison.Ordinal))
        {
            await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
            return;
        }
        var status = await answer.Content.ReadAsByteArrayAsync();
        if ((string?)JsonNode.Parse(status)!["status"] == "completed") _completed.TryAdd(http.Request.Path.Value.Split('/')[^2], Stopwatch.GetTimestamp());
        await http.Response.Body.WriteAsync(status);
    }
}
