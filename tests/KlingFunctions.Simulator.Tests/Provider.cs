using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Simulator.Tests;

/// <summary>A simulator on a fake clock, and its client.</summary>
internal sealed class Provider : IAsyncDisposable
{
    public const string Model = "/v1/models/kling/kling-video-o1/image-to-video/reference";

    private readonly HttpClient _client;

    private Provider(SimulatorHost host, FakeTimeProvider clock)
    {
        Host = host;
        Clock = clock;
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = host.BaseUrl };
    }

    public SimulatorHost Host { get; }

    public FakeTimeProvider Clock { get; }

    public Account Account => Host.Account;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static async Task<Provider> Start(Behaviour? behaviour = null)
    {
        var clock = new FakeTimeProvider(new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        return new(await SimulatorHost.StartAsync(behaviour, clock, cancellationToken: Cancelled), clock);
    }

    public static JsonObject Input(string aspectRatio = "16:9", string duration = "5") => new()
    {
        ["prompt"] = "@Image1 at dusk",
        ["elements"] = new JsonArray(),
        ["image_urls"] = new JsonArray("https://example.com/valley.webp"),
        ["aspect_ratio"] = aspectRatio,
        ["duration"] = duration,
    };

    public void Pass(double seconds) => Clock.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>Advances time by the default queue and run time.</summary>
    public void PassARun() => Pass(8);

    public void Change(Func<Behaviour, Behaviour> change) => Host.Behaviour = change(Host.Behaviour);

    public Task<Answer> Post(string path, string body = "", string? token = "t") => Send(HttpMethod.Post, path, body, token);

    public Task<Answer> Get(string path, string? token = "t") => Send(HttpMethod.Get, path, null, token);

    public Task<Answer> PostInput(JsonNode? input = null) => Post(Model, (input ?? Input()).ToJsonString());

    public async Task<string> Submit(JsonNode? input = null) => (await PostInput(input)).Text("request_id");

    public Task<Answer> Status(string id) => Get($"/v1/requests/{id}/status");

    public Task<Answer> Result(string id) => Get($"/v1/requests/{id}/result");

    public Task<Answer> Cancel(string id) => Post($"/v1/requests/{id}/cancel");

    /// <summary>Submits, waits for the end, and returns the video's URL.</summary>
    public async Task<string> Finished(JsonNode? input = null)
    {
        var id = await Submit(input);
        PassARun();
        return (await Result(id)).Json["output"]!["video"]!.GetValue<string>();
    }

    /// <summary>Downloads without a token, up to the end or the interruption.</summary>
    public async Task<Download> Fetch(string url, RangeHeaderValue? range = null, string? ifRange = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, url);
        request.Headers.Range = range;
        if (ifRange is not null) request.Headers.IfRange = new(ifRange);
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancelled);
        var length = response.Content.Headers.ContentLength;
        var bytes = new MemoryStream();
        var complete = true;
        try
        {
            await (await response.Content.ReadAsStreamAsync(Cancelled)).CopyToAsync(bytes, Cancelled);
        }
        catch (Exception e) when (e is HttpIOException or IOException)
        {
            complete = false;
        }
        return new(response.StatusCode, response.Headers, response.Content.Headers, length, bytes.ToArray(), complete);
    }

    public async Task<Answer> Send(HttpMethod method, string path, string? body, string? token = "t")
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (token is not null) request.Headers.Authorization = new("Bearer", token);
        using var response = await _client.SendAsync(request, Cancelled);
        return new(response.StatusCode, response.Headers, response.Content.Headers, await response.Content.ReadAsStringAsync(Cancelled));
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Host.DisposeAsync();
    }
}

internal sealed record Answer(HttpStatusCode StatusCode, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, string Body)
{
    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();

    public int Code => Json["error_code"]!.GetValue<int>();

    public string Text(string property) => Json[property]!.GetValue<string>();

    public int? Position => Json["queue_position"]?.GetValue<int>();
}

internal sealed record Download(
    HttpStatusCode StatusCode, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, long? Length, byte[] Bytes, bool IsComplete);
