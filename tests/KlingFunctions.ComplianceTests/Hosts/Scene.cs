using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Simulator;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>A host, its provider, and a receiver of its webhooks.</summary>
public sealed class Scene(IHostUnderTest host, SimulatorHost runComfy, WebhookReceiver receiver) : IAsyncDisposable
{
    /// <summary>The secret that signs webhooks; only the host and the receiver know it.</summary>
    public const string WebhookSecret = "whsec_TUZrd0N6WEpDTkpxV2pYcEpXdE9jRlJ4UVdSVA==";

    public IHostUnderTest Host => host;

    public HttpClient Http => host.Http;

    public SimulatorHost RunComfy => runComfy;

    public WebhookReceiver Receiver => receiver;

    public static Dictionary<string, string?> SettingsFor(SimulatorHost runComfy) => new()
    {
        ["RunComfy:ApiToken"] = "t0ken-of-the-test",
        ["RunComfy:BaseUrl"] = runComfy.BaseUrl.AbsoluteUri,
        ["Network:AllowLoopback"] = "true",
        ["Webhooks:Secret"] = WebhookSecret,
        ["Pipeline:PollMin"] = "00:00:00.2",
        ["Pipeline:PollMax"] = "00:00:01",
    };

    /// <summary>A valid request; its images are real, and served by the simulator.</summary>
    public JsonObject Request(string? webhook = null)
    {
        var request = new JsonObject
        {
            ["prompt"] = "@Element1 walks through @Image1",
            ["elements"] = new JsonArray(new JsonObject
            {
                ["frontal_image_url"] = Image("robot-front.png"),
                ["reference_image_urls"] = new JsonArray(Image("robot-side.jpg")),
            }),
            ["image_urls"] = new JsonArray(Image("valley.webp")),
        };
        if (webhook is not null) request["webhook_url"] = webhook;
        return request;
    }

    public string Image(string name) => new Uri(runComfy.BaseUrl, $"/simulator/images/{name}").AbsoluteUri;

    public async Task<HttpResponseMessage> PostAsync(string path, JsonNode? body = null, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (body is not null) request.Content = JsonContent.Create(body);
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        return await Http.SendAsync(request);
    }

    /// <summary>Submits a request; returns the job's id.</summary>
    public async Task<string> SubmitAsync(JsonObject? request = null)
    {
        using var answer = await PostAsync("/api/videos", request ?? Request());
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return (await JsonOf(answer)).GetProperty("id").GetString()!;
    }

    public async Task<JsonElement> GetAsync(string id)
    {
        using var answer = await Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await JsonOf(answer);
    }

    /// <summary>Advances time until the job has this status.</summary>
    public Task<JsonElement> UntilAsync(string id, string status) => host.RunUntilAsync(id, job => StatusOf(job) == status);

    /// <summary>Advances time until the job has ended.</summary>
    public Task<JsonElement> EndAsync(string id) => host.RunUntilAsync(id, job => StatusOf(job) is "succeeded" or "failed" or "cancelled");

    /// <summary>Advances time until the job has failed; returns its error's code.</summary>
    public async Task<string> FailureAsync(string id)
    {
        var job = await EndAsync(id);
        Assert.Equal("failed", StatusOf(job));
        return job.GetProperty("error").GetProperty("code").GetString()!;
    }

    public static string StatusOf(JsonElement job) => job.GetProperty("status").GetString()!;

    public static async Task<JsonElement> JsonOf(HttpResponseMessage answer)
    {
        using var stream = await answer.Content.ReadAsStreamAsync();
        return (await JsonDocument.ParseAsync(stream)).RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await receiver.DisposeAsync();
        await runComfy.DisposeAsync();
    }
}
