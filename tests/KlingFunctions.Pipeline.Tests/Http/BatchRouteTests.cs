using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace KlingFunctions.Pipeline.Tests.Http;

public class BatchRouteTests
{
    private const string Three = """[{"prompt":"a fox"},{"prompt":"a bear"},{"prompt":"a wolf"}]""";

    [Fact]
    public async Task Batch_fills_the_daily_cap_and_the_same_call_tomorrow_sends_the_rest()
    {
        await using var app = await TestApp.StartAsync(null, ("Pipeline:MaxJobsPerDay", "2"));
        Assert.Equal([null, null, 429], await BatchAsync(app));
        Assert.Equal([null, null, 429], await BatchAsync(app));
        Assert.Equal(2, app.Jobs.Ids.Count());
        app.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal([null, null, null], await BatchAsync(app));
        Assert.Equal(3, app.Jobs.Ids.Count());
    }

    [Fact]
    public async Task Batch_sent_again_for_its_rest_starts_no_job_that_was_deleted_since()
    {
        await using var app = await TestApp.StartAsync(null, ("Pipeline:MaxJobsPerDay", "1"));
        await BatchAsync(app);
        var first = Assert.Single(app.Jobs.Ids);
        await app.EndBatchItemAsync(first, app.Jobs[first].Job.Batch!);
        await app.Jobs.ForgetAsync(app.Jobs[first], TestContext.Current.CancellationToken);

        app.Time.Advance(TimeSpan.FromDays(1));
        var items = await ItemsAsync(app);
        Assert.DoesNotContain(first, app.Jobs.Ids);
        Assert.Equal((first, "succeeded"), ((string?)items[0]!["id"], (string?)items[0]!["status"]));
        // The day has room for one of the rest.
        Assert.Single(app.Jobs.Ids);
    }

    [Fact]
    public async Task Failure_at_one_request_of_a_batch_is_answered_beside_the_jobs_of_the_others()
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Starting = job =>
        {
            if (job.Request.Input.GetProperty("prompt").GetString() == "a bear") throw new IOException("The store is away.");
        };
        var items = await ItemsAsync(app);
        Assert.Equal([null, 503, null], items.Select(item => (int?)item!["problem"]?["status"]));

        app.Jobs.Starting = null;
        var again = await ItemsAsync(app);
        Assert.All([0, 2], i => Assert.Equal((string?)items[i]!["id"], (string?)again[i]!["id"]));
        Assert.Equal(3, app.Jobs.Ids.Count());
    }

    private static async Task<JsonArray> ItemsAsync(TestApp app)
    {
        using var answer = await SendAsync(app);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["items"]!.AsArray();
    }

    private static async Task<HttpResponseMessage> SendAsync(TestApp app)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos/batch") { Content = new StringContent(Three, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", "orders");
        var answer = await app.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return answer;
    }

    private static async Task<IEnumerable<int?>> BatchAsync(TestApp app)
    {
        using var answer = await SendAsync(app);
        var items = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["items"]!.AsArray();
        Assert.Equal(items.Any(item => item!["problem"] is not null), answer.Headers.RetryAfter is not null);
        return [.. items.Select(item => (int?)item!["problem"]?["status"])];
    }
}
