using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>
/// Another Durable Functions app as the client of both hosts, with the published extension and the published worker's HTTP task.
/// </summary>
public sealed class DurablePollerTests(SharedAzurite azurite)
{
    private static readonly Behaviour Quick = new() { QueueTime = TimeSpan.FromMilliseconds(300), RunTime = TimeSpan.FromMilliseconds(300) };

    public enum Polled
    {
        Functions,
        Local,
    }

    [Theory]
    [InlineData(Polled.Functions)]
    [InlineData(Polled.Local)]
    public async Task CallHttp_without_headers_polls_signed_links_and_ends_subscriptions(Polled polled)
    {
        await using var scene = await StartAsync(polled);
        await using var client = await DurableWorkflowHost.RentAsync(new WorkflowCatalog(new JsonSerializerOptions()), azurite);

        using var accepted = await scene.PostAsync("/api/videos", scene.Request());
        var (status, content) = await CallAsync(client, "GET", accepted.Headers.Location!);
        Assert.Equal("OK", status);
        Assert.Equal("succeeded", Scene.StatusOf(JsonElement.Parse(content)));

        using var subscribed = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url });
        Assert.Equal("NoContent", (await CallAsync(client, "DELETE", subscribed.Headers.Location!)).Status);
        // A link of a deleted subscription is answered like an invalid one.
        Assert.Equal("Unauthorized", (await CallAsync(client, "DELETE", subscribed.Headers.Location!)).Status);

        var id = (await Scene.JsonOf(accepted)).GetProperty("id").GetString();
        Assert.Equal("Unauthorized", (await CallAsync(client, "GET", new(scene.Http.BaseAddress!, $"/api/videos/{id}/operation"))).Status);
    }

    [Theory]
    [InlineData(Polled.Functions)]
    [InlineData(Polled.Local)]
    public async Task CallHttp_that_posts_a_request_waits_for_the_video(Polled polled)
    {
        await using var scene = await StartAsync(polled);
        await using var client = await DurableWorkflowHost.RentAsync(new WorkflowCatalog(new JsonSerializerOptions()), azurite);
        var key = scene.Http.DefaultRequestHeaders.GetValues("x-functions-key").Single();

        var (status, content) = await CallAsync(
            client, "POST", new(scene.Http.BaseAddress!, "/api/videos"), scene.Request().ToJsonString(),
            new() { ["x-functions-key"] = key, ["Content-Type"] = "application/json", ["Idempotency-Key"] = "instance-1" });

        Assert.Equal("OK", status);
        Assert.Equal("succeeded", Scene.StatusOf(JsonElement.Parse(content)));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    private async Task<Scene> StartAsync(Polled polled)
    {
        if (polled is Polled.Functions) return (await AppScene.RentAsync(azurite, Quick)).Scene;
        var simulator = await SimulatorHost.StartAsync(Quick);
        return new(await LocalProcess.StartAsync(Scene.SettingsFor(simulator)), simulator, await WebhookReceiver.StartAsync());
    }

    private static async Task<(string Status, string Content)> CallAsync(
        DurableWorkflowHost client, string method, Uri url, string? content = null, JsonObject? headers = null)
    {
        var id = Guid.NewGuid().ToString("n");
        var call = new JsonObject { ["method"] = method, ["url"] = url.AbsoluteUri, ["content"] = content, ["headers"] = headers ?? [] };
        await client.StartAsync(HttpCall.Name, id, call.ToJsonString());
        var ended = await client.RunToEndAsync(id);
        Assert.Null(ended.Failure);
        var output = JsonElement.Parse(ended.Output!);
        return (output.GetProperty("status").GetString()!, output.GetProperty("content").GetString() ?? "");
    }
}
