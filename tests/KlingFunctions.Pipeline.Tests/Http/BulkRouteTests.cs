using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Http;

public class BulkRouteTests
{
    /// <summary>An empty variable of a script must not turn a selection into all jobs: a resumed job may be paid again.</summary>
    [Theory]
    [InlineData("""{"status":"failed","batch":""}""", "/batch")]
    [InlineData("""{"status":"","batch":"bat_00000000000000000000000000000000"}""", "/status")]
    [InlineData("""{"status":"failed","created_after":"","created_before":""}""", "/created_after", "/created_before")]
    [InlineData("""{"status":"failed","metadata":{"campaign":null}}""", "/metadata/campaign")]
    [InlineData("""{"batch":""}""", "/batch")]
    public async Task Empty_filter_is_refused_and_acts_on_no_job(string body, params string[] pointers)
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.ProviderTimeout, new("r-1")));
        using var answer = await app.Http.PostAsync("/api/videos/resume", new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var errors = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["errors"]!.AsArray();
        Assert.Equal(pointers, errors.Select(error => (string?)error!["pointer"]));
        Assert.Equal(JobStatus.Failed, (await app.Jobs.GetAsync("vid_1", TestContext.Current.CancellationToken))!.State.Status);
    }
}
