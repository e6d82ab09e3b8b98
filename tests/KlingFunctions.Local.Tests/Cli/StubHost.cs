using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>A received call.</summary>
internal sealed record Call(string Method, string Path, string? IdempotencyKey, string? Key, string? Range);

/// <summary>A server on loopback with answers that a real host can't be made to give.</summary>
internal sealed class StubHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Call> _calls = [];

    private StubHost(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    public IReadOnlyList<Call> Calls => [.. _calls];

    /// <summary>A job resource as a host returns it.</summary>
    public static JsonObject Job(string status = "accepted") => new()
    {
        ["id"] = "vid_1",
        ["status"] = status,
        ["created_at"] = "2026-01-01T08:00:00Z",
        ["updated_at"] = "2026-01-01T08:00:00Z",
        ["request"] = new JsonObject { ["prompt"] = "rain" },
        ["outputs"] = new JsonArray(),
        ["warnings"] = new JsonArray(),
        ["notifications"] = new JsonArray(),
        ["links"] = new JsonObject(),
    };

    /// <summary>Starts a server; the handler gets the call and its number, from 1.</summary>
    public static async Task<StubHost> StartAsync(Func<HttpContext, int, Task> answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var stub = new StubHost(app);
        app.Run(http =>
        {
            string? Header(string name) => http.Request.Headers[name];
            stub._calls.Enqueue(new(
                http.Request.Method, http.Request.Path, Header("Idempotency-Key"), Header("x-functions-key"), Header("Range")));
            return answer(http, stub._calls.Count);
        });
        await app.StartAsync();
        return stub;
    }

    /// <summary>Starts a server that always gives this answer.</summary>
    public static Task<StubHost> StartAsync(JsonNode body, int status = 200) => StartAsync((http, _) => AnswerAsync(http, body, status));

    public static Task AnswerAsync(HttpContext http, JsonNode body, int status = 200)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = status < 400 ? "application/json" : "application/problem+json";
        return http.Response.WriteAsync(body.ToJsonString());
    }

    public Task<Called> CallAsync(params string[] args) => Called.WithAsync([.. args, "--url", Url]);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
