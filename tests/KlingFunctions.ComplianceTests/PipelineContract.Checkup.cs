using System.Net;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.ComplianceTests;

/// <summary>The checkup, and who may call it.</summary>
public abstract partial class PipelineContract
{
    [Theory]
    [InlineData("/api/doctor")]
    [InlineData("/api/health/ready?deep=1")]
    public async Task Checkup_needs_the_key_and_costs_nothing(string path)
    {
        await using var scene = await StartAsync();
        using var bare = new HttpClient { BaseAddress = scene.Http.BaseAddress };
        foreach (var header in new string?[] { null, "the-key-of-another-host" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            if (header is not null) request.Headers.Add("x-functions-key", header);
            using var refused = await bare.SendAsync(request);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }
        Assert.Equal(0, scene.RunComfy.Account.Calls(ApiCall.Status));

        using var answer = await scene.Http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var checks = (await Scene.JsonOf(answer)).GetProperty("checks").EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!, c => c.GetProperty("state").GetString());
        Assert.All(new[] { "token", "model", "price", "balance", "store", "webhook_secret" }, name => Assert.Equal("ok", checks[name]));
        Assert.Equal(0, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Open_health_route_makes_no_checkup_itself()
    {
        await using var scene = await StartAsync();
        using var bare = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = scene.Http.BaseAddress };
        using var refused = await bare.GetAsync(new Uri("/api/health/ready?deep=1", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        using var ready = await bare.GetAsync(new Uri("/api/health/ready", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }
}
