using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.ComplianceTests;

/// <summary>A receiver's own header: sent with its webhooks, and never shown.</summary>
public abstract partial class PipelineContract
{
    [Fact]
    public async Task Receiver_gets_its_own_header_in_every_try_and_no_answer_shows_it()
    {
        await using var scene = await StartAsync();
        var request = scene.Request(scene.Receiver.Url);
        request["webhook_header"] = Header("Authorization", "Bearer s3cr3t-of-the-job");
        using var subscribed = await scene.PostAsync("/api/subscriptions", Subscription(scene, "Bearer s3cr3t-of-the-subscription"));
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        scene.Receiver.Answer(503);
        using var accepted = await scene.PostAsync("/api/videos", request);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var id = (await Scene.JsonOf(accepted)).GetProperty("id").GetString()!;
        var job = await scene.Host.RunUntilAsync(
            id, j => j.GetProperty("notifications").EnumerateArray().Count(n => n.GetProperty("state").GetString() == "delivered") == 2);

        Assert.Equal(3, scene.Receiver.Received.Count);
        Assert.Equal(
            ["Bearer s3cr3t-of-the-job", "Bearer s3cr3t-of-the-subscription"], scene.Receiver.Received.Select(w => w.Authorization).Distinct().Order(StringComparer.Ordinal));

        using (var again = await scene.PostAsync($"/api/videos/{id}/redeliver")) Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count == 5);
        Assert.All(scene.Receiver.Received.Skip(3), w => Assert.StartsWith("Bearer s3cr3t-of-the-", w.Authorization, StringComparison.Ordinal));

        using var list = await scene.Http.GetAsync(new Uri("/api/subscriptions", UriKind.Relative));
        using var page = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative));
        using var validated = await scene.PostAsync("/api/videos/validate", request.DeepClone());
        foreach (var answer in new[] { subscribed, accepted, list, page, validated })
            Assert.DoesNotContain("s3cr3t", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", job.GetRawText(), StringComparison.Ordinal);
        Assert.All(scene.Receiver.Received, w => Assert.DoesNotContain("s3cr3t", w.Json.GetRawText(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Subscribing_again_with_another_header_replaces_it()
    {
        await using var scene = await StartAsync();
        foreach (var (value, status) in new[] { ("Bearer old", HttpStatusCode.Created), ("Bearer new", HttpStatusCode.OK) })
        {
            using var made = await scene.PostAsync("/api/subscriptions", Subscription(scene, value));
            Assert.Equal(status, made.StatusCode);
        }
        await NotifiedAsync(scene, await scene.SubmitAsync(), "delivered");
        Assert.Equal("Bearer new", Assert.Single(scene.Receiver.Received).Authorization);
    }

    [Theory]
    [InlineData("", "s3cr3t", "name")]
    [InlineData("Host", "s3cr3t", "name")]
    [InlineData("content-length", "s3cr3t", "name")]
    [InlineData("Webhook-Signature", "s3cr3t", "name")]
    [InlineData("Transfer-Encoding", "s3cr3t", "name")]
    [InlineData("Expires", "s3cr3t", "name")]
    [InlineData("two words", "s3cr3t", "name")]
    [InlineData("X\r\nInjected", "s3cr3t", "name")]
    [InlineData("Authorization", "", "value")]
    [InlineData("Authorization", " s3cr3t", "value")]
    [InlineData("Authorization", "s3cr3t\r\nInjected: yes", "value")]
    [InlineData("Authorization", "s3cr3t-\u00e9", "value")]
    public async Task Invalid_header_is_refused_and_its_value_not_quoted(string name, string value, string fault)
    {
        await using var scene = await StartAsync();
        var request = scene.Request(scene.Receiver.Url);
        request["webhook_header"] = Header(name, value);
        var subscription = new JsonObject { ["url"] = scene.Receiver.Url, ["header"] = Header(name, value) };
        foreach (var (route, body, pointer) in new[] { ("/api/videos", request, "/webhook_header"), ("/api/subscriptions", subscription, "/header") })
        {
            using var refused = await scene.PostAsync(route, body);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            var problem = await Scene.JsonOf(refused);
            Assert.Equal($"{pointer}/{fault}", Assert.Single(problem.GetProperty("errors").EnumerateArray()).GetProperty("pointer").GetString());
            Assert.DoesNotContain("s3cr3t", problem.GetRawText(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Same_key_with_another_webhook_header_is_another_request()
    {
        await using var scene = await StartAsync();
        var request = scene.Request(scene.Receiver.Url);
        request["webhook_header"] = Header("Authorization", "Bearer one");
        using var first = await scene.PostAsync("/api/videos", request, "k");
        using var same = await scene.PostAsync("/api/videos", request, "k");
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (first.StatusCode, same.StatusCode));
        request["webhook_header"] = Header("Authorization", "Bearer two");
        using var other = await scene.PostAsync("/api/videos", request, "k");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        await scene.EndAsync((await Scene.JsonOf(first)).GetProperty("id").GetString()!);
    }

    private static JsonObject Header(string name, string value) => new() { ["name"] = name, ["value"] = value };

    private static JsonObject Subscription(Scene scene, string authorization) =>
        new() { ["url"] = scene.Receiver.Url, ["header"] = Header("Authorization", authorization) };
}
