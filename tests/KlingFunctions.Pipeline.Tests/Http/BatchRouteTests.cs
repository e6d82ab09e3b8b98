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

    private static async Task<IEnumerable<int?>> BatchAsync(TestApp app)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos/batch") { Content = new StringContent(Three, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", "orders");
        using var answer = await app.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var items = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["items"]!.AsArray();
        Assert.Equal(items.Any(item => item!["problem"] is not null), answer.Headers.RetryAfter is not null);
        return [.. items.Select(item => (int?)item!["problem"]?["status"])];
    }
}
