using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>What is misspelt is refused: if it were ignored, a call would do more than its sender meant.</summary>
public class StrictnessTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/api/videos?stauts=failed", "/stauts", "status")]
    [InlineData("/api/videos?Status=failed", null, null)]
    [InlineData("/api/videos?metadata=7", "/metadata", "metadata.NAME")]
    [InlineData("/api/videos?created_afer=2026-03-01", "/created_afer", "created_after")]
    [InlineData("/api/videos/counts?state=failed", "/state", "status")]
    [InlineData("/api/videos/counts?limit=5", "/limit", null)]
    [InlineData("/api/videos?code=the-key-of-a-function&clientId=default", null, null)]
    [InlineData("/api/videos?limit=5&cursor=&batch=&metadata.order=7", null, null)]
    public async Task Unknown_filter_is_refused_with_the_nearest_known_one(string url, string? pointer, string? nearest)
    {
        await using var app = await TestApp.StartAsync();
        using var answer = await app.Http.GetAsync(new Uri(url, UriKind.Relative), Ct);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!;
        Assert.Equal(pointer is null ? HttpStatusCode.OK : HttpStatusCode.BadRequest, answer.StatusCode);
        if (pointer is null) return;
        var fault = Assert.Single(problem["errors"]!.AsArray())!;
        Assert.Equal((pointer, FaultCode.UnknownProperty), ((string?)fault["pointer"], (string?)fault["code"]));
        if (nearest is not null) Assert.Contains($"'{nearest}'", (string?)fault["message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1/2/2026")]
    [InlineData("01.02.2026")]
    [InlineData("12:00")]
    [InlineData("March 2026")]
    [InlineData("2026-13-01")]
    public async Task Time_that_can_be_read_in_two_ways_is_refused(string time)
    {
        await using var app = await TestApp.StartAsync();
        using var answer = await app.Http.GetAsync(new Uri($"/api/videos?created_after={Uri.EscapeDataString(time)}", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("2026-03-01")]
    [InlineData("2026-03-01T12:00Z")]
    [InlineData("2026-03-01T12:00:00")]
    [InlineData("2026-03-01T12:00:00.1234567+01:00")]
    public async Task Time_in_ISO_8601_is_accepted(string time)
    {
        await using var app = await TestApp.StartAsync();
        using var answer = await app.Http.GetAsync(new Uri($"/api/videos?created_after={Uri.EscapeDataString(time)}", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("2026-03-02", "2026-03-01", "/created_before")]
    [InlineData("2026-03-01T12:00:00+02:00", "2026-03-01T09:59:59Z", "/created_before")]
    [InlineData("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z", null)]
    [InlineData("2026-03-01", "2026-03-02", null)]
    public async Task Window_that_ends_before_it_begins_is_refused(string after, string before, string? pointer)
    {
        await using var app = await TestApp.StartAsync();
        foreach (var route in new[] { "/api/videos", "/api/videos/counts" })
        {
            var query = $"?created_after={Uri.EscapeDataString(after)}&created_before={Uri.EscapeDataString(before)}";
            using var answer = await app.Http.GetAsync(new Uri(route + query, UriKind.Relative), Ct);
            Assert.Equal(pointer is null ? HttpStatusCode.OK : HttpStatusCode.BadRequest, answer.StatusCode);
            if (pointer is null) continue;
            var fault = Assert.Single(JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!["errors"]!.AsArray())!;
            Assert.Equal((pointer, FaultCode.NotAllowedValue), ((string?)fault["pointer"], (string?)fault["code"]));
        }
    }

    [Theory]
    [InlineData("/api/subscriptions", """{"url":"https://hooks.example.com/k","event":["video.failed"]}""")]
    [InlineData("/api/subscriptions", """{"url":"https://hooks.example.com/k","events":["video.failed"],"events":[]}""")]
    [InlineData("/api/subscriptions", """{"url":"https://hooks.example.com/k","header":{"name":"A","value":"b","vlaue":"c"}}""")]
    [InlineData("/api/videos/vid_1/resume", """{"resubmitt":true}""")]
    [InlineData("/api/videos/vid_1/resume", """{"resubmit":true,"resubmit":false}""")]
    [InlineData("/api/videos/resume", """{"status":"failed","status":"cancelled"}""")]
    [InlineData("/api/videos/resume", """{"status":"failed","bacth":"bat_00000000000000000000000000000000"}""")]
    public async Task Body_with_an_unknown_or_repeated_property_is_refused(string route, string body)
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.ProviderTimeout, new("r-1")));
        using var answer = await app.Http.PostAsync(new Uri(route, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), Ct);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(JobStatus.Failed, (await app.Jobs.GetAsync("vid_1", Ct))!.State.Status);
        using var list = await app.Http.GetAsync(new Uri("/api/subscriptions", UriKind.Relative), Ct);
        Assert.Empty(JsonNode.Parse(await list.Content.ReadAsStringAsync(Ct))!["subscriptions"]!.AsArray());
    }

    [Fact]
    public async Task Faulty_line_of_a_batch_is_named_by_its_line_in_the_file()
    {
        await using var app = await TestApp.StartAsync();
        var body = new StringContent("{\"prompt\":\"a fox\"}\r\n\r\n\r\noops\r\n", Encoding.UTF8, "application/x-ndjson");
        using var answer = await app.Http.PostAsync(new Uri("/api/videos/batch", UriKind.Relative), body, Ct);
        var item = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!["items"]![1]!;
        Assert.Contains("line 4,", (string?)item["problem"]!["detail"], StringComparison.Ordinal);
    }
}
