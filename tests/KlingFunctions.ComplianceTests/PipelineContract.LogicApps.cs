using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.ComplianceTests;

/// <summary>The behaviour on which Logic Apps and Power Automate rely.</summary>
public abstract partial class PipelineContract
{
    [Theory]
    [InlineData(PollHeaders.Own)]
    [InlineData(PollHeaders.None)]
    [InlineData(PollHeaders.WrongKey)]
    public async Task HTTP_action_waits_for_the_video_whatever_headers_its_polls_send(PollHeaders polls)
    {
        await using var scene = await StartAsync();

        var outcome = await EngineOf(scene, polls).RunAsync(() => Order(scene, "run-1"));

        Assert.True(outcome.Succeeded);
        Assert.Equal(HttpStatusCode.OK, outcome.Status);
        Assert.Equal("succeeded", Scene.StatusOf(outcome.Body));
        Assert.NotEmpty(outcome.Polls);
        // The answers set shorter waits than the engine's default.
        Assert.All(outcome.Polls, wait => Assert.InRange(wait, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(19)));
        using var video = await scene.Http.GetAsync(new Uri(outcome.Body.GetProperty("video").GetProperty("url").GetString()!));
        Assert.Equal(HttpStatusCode.OK, video.StatusCode);
    }

    [Fact]
    public async Task HTTP_action_fails_with_the_message_of_a_failed_job()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, FailsWith = "the model did not like it" });

        var outcome = await EngineOf(scene).RunAsync(() => Order(scene, "run-1"));

        Assert.False(outcome.Succeeded);
        Assert.Equal("provider_failed", outcome.Body.GetProperty("code").GetString());
        Assert.Contains("the model did not like it", outcome.Body.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HTTP_action_fails_at_once_for_a_bad_request()
    {
        await using var scene = await StartAsync();

        var outcome = await EngineOf(scene).RunAsync(() => new(HttpMethod.Post, "/api/videos") { Content = JsonContent.Create(new JsonObject { ["prompt"] = "" }) });

        Assert.False(outcome.Succeeded);
        Assert.Equal(HttpStatusCode.BadRequest, outcome.Status);
        Assert.Empty(outcome.Polls);
    }

    [Fact]
    public async Task Retry_policy_of_an_action_finds_its_job_after_lost_answers()
    {
        await using var scene = await StartAsync();
        var engine = EngineOf(scene);
        engine.AnswersLost = 3;

        var outcome = await engine.RunAsync(() => Order(scene, "run-1"));

        Assert.True(outcome.Succeeded);
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Daily_cap_ends_the_retries_of_an_action_and_pays_for_nothing()
    {
        await using var scene = await StartAsync(settings: ("Pipeline:MaxJobsPerDay", "1"));
        Assert.True((await EngineOf(scene).RunAsync(() => Order(scene, "run-1"))).Succeeded);

        var outcome = await EngineOf(scene).RunAsync(() => Order(scene, "run-2"));

        Assert.False(outcome.Succeeded);
        Assert.Equal(HttpStatusCode.TooManyRequests, outcome.Status);
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Webhook_action_subscribes_with_the_job_itself_and_is_called_back_once()
    {
        await using var scene = await StartAsync();
        using var subscribed = await scene.PostAsync("/api/videos", scene.Request(CallbackOf(scene)), "run-1");
        Assert.True(subscribed.IsSuccessStatusCode);
        // The engine answers callbacks with 202.
        scene.Receiver.Status = 202;

        await NotifiedAsync(scene, (await Scene.JsonOf(subscribed)).GetProperty("id").GetString()!, "delivered");

        var webhook = Assert.Single(scene.Receiver.Received).Json;
        Assert.Equal("video.succeeded", webhook.GetProperty("type").GetString());
        Assert.Equal("succeeded", Scene.StatusOf(webhook.GetProperty("data")));
    }

    [Fact]
    public async Task Webhook_trigger_subscribes_runs_a_flow_for_each_job_and_unsubscribes()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Status = 202;
        using var subscribed = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = CallbackOf(scene) });
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        Assert.True(subscribed.Headers.Location is { IsAbsoluteUri: true });
        var first = await scene.SubmitAsync();
        await NotifiedAsync(scene, first, "delivered");
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { FailsWith = "no" };
        var second = await scene.SubmitAsync();
        await NotifiedAsync(scene, second, "delivered");
        Assert.Equal(["video.succeeded", "video.failed"], scene.Receiver.Received.Select(w => w.Json.GetProperty("type").GetString()));

        // A disabled flow calls this address, perhaps without a key.
        using var bare = new HttpClient();
        using (var gone = await bare.DeleteAsync(subscribed.Headers.Location)) Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        await scene.EndAsync(await scene.SubmitAsync());
        await scene.Host.RunToRestAsync();
        Assert.Equal(2, scene.Receiver.Received.Count);
    }

    /// <summary>A URL like the platform's callbacks, with the signature in the query.</summary>
    private static string CallbackOf(Scene scene) => $"{scene.Receiver.Url}&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=s3cr3t-in-a-query";

    private static HttpRequestMessage Order(Scene scene, string key) =>
        new(HttpMethod.Post, "/api/videos") { Content = JsonContent.Create(scene.Request()), Headers = { { "Idempotency-Key", key } } };

    private LogicAppsEngine EngineOf(Scene scene, PollHeaders polls = PollHeaders.Own) => new(scene.Http, (operation, wait) =>
    {
        var until = Time.GetUtcNow() + wait;
        var id = operation.Segments[^1];
        return scene.Host.RunUntilAsync(id, job => Time.GetUtcNow() >= until || Scene.StatusOf(job) is "succeeded" or "failed" or "cancelled");
    })
    { Polls = polls };
}
