using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.ComplianceTests;

/// <summary>Signed links: what they open, and what they must not open.</summary>
public abstract partial class PipelineContract
{
    [Fact]
    public async Task Signed_link_opens_one_operation_and_nothing_else()
    {
        await using var scene = await StartAsync();
        using var bare = new HttpClient();
        using var accepted = await scene.PostAsync("/api/videos", scene.Request());
        using var subscribed = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url });
        var (operation, subscription) = (accepted.Headers.Location!, subscribed.Headers.Location!);
        var (id, other) = ((await Scene.JsonOf(accepted)).GetProperty("id").GetString()!, await scene.SubmitAsync());
        var host = operation.GetLeftPart(UriPartial.Authority);
        var (until, sig) = (Parameter(operation, "until"), Parameter(operation, "sig"));
        var later = long.Parse(until, null) + 1;

        string[] refused =
        [
            $"/api/signed/operations/{id}", $"/api/signed/operations/{id}?until={until}", $"/api/signed/operations/{id}?sig={sig}",
            $"/api/signed/operations/{other}?until={until}&sig={sig}", $"/api/signed/operations/no-such-job?until={until}&sig={sig}",
            $"/api/signed/operations/{id}?until={later}&sig={sig}", $"/api/signed/operations/{id}?until=0{until}&sig={sig}",
            $"/api/signed/operations/{id}?until={until}&sig={sig[..^1]}", $"/api/signed/operations/{id}?until={until}&sig={sig}A", $"/api/signed/operations/{id}?until={until}&sig=",
            $"/api/signed/operations/{id}?until={until}&sig={sig}&sig={sig}", $"/api/signed/operations/{id}?until={until}&sig=x&sig={sig}",
            $"/api/signed/operations/{id}?until={until}&until={until}&sig={sig}", $"/api/signed/operations/{id}?until={until}&sig={sig}&SIG=x",
            $"/api/signed/operations/{id}{subscription.Query}", $"/api/signed/operations/{subscription.Segments[^1]}{subscription.Query}",
        ];
        var answers = new HashSet<string>();
        foreach (var client in new[] { bare, scene.Http })
        {
            foreach (var link in refused)
            {
                using var answer = await client.GetAsync(new Uri(host + link));
                Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized, $"{answer.StatusCode}: {link}");
                answers.Add(await answer.Content.ReadAsStringAsync());
            }
        }
        Assert.Single(answers);
        Assert.DoesNotContain(sig, answers.Single(), StringComparison.Ordinal);
        foreach (var link in new[] { $"/api/signed/subscriptions/{id}{operation.Query}", $"/api/signed/subscriptions/{subscription.Segments[^1]}{operation.Query}" })
        {
            using var answer = await bare.DeleteAsync(new Uri(host + link));
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
        // A valid link opens no other route, however its path is written.
        foreach (var link in new[]
        {
            $"/api/videos/{id}{operation.Query}", $"/api/signed/%2e%2e/videos/{id}{operation.Query}", $"/api/signed/..%2fvideos/{id}{operation.Query}",
            $"/api/signed/%252e%252e/videos/{id}{operation.Query}", $"/api/health/%252e%252e/videos/{id}{operation.Query}", $"/api/signed//../videos{operation.Query}",
        })
        {
            using var answer = await bare.GetAsync(new Uri(host + link, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound or HttpStatusCode.BadRequest, $"{answer.StatusCode}: {link}");
        }

        using (var wrongKey = new HttpRequestMessage(HttpMethod.Get, operation) { Headers = { { "x-functions-key", "the-key-of-another-host" } } })
        using (var opened = await bare.SendAsync(wrongKey)) Assert.True(opened.IsSuccessStatusCode);
        using (var opened = await bare.GetAsync(new Uri($"{operation}&code=the-key-of-another-host"))) Assert.True(opened.IsSuccessStatusCode);
        using (var opened = await scene.Http.GetAsync(operation)) Assert.True(opened.IsSuccessStatusCode);
        await scene.EndAsync(other);
        await scene.EndAsync(id);
        // The links in the resource need the key, because holders of the signed link also see the resource.
        using var done = await bare.GetAsync(operation);
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        Assert.DoesNotContain("sig=", await done.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var shut = await bare.GetAsync(new Uri((await Scene.JsonOf(done)).GetProperty("links").GetProperty("self").GetString()!));
        Assert.Equal(HttpStatusCode.Unauthorized, shut.StatusCode);
    }

    [Fact]
    public async Task Signed_link_opens_after_a_restart()
    {
        await using var scene = await StartAsync(new() { Slots = 0 });
        using var accepted = await scene.PostAsync("/api/videos", scene.Request());
        var id = (await Scene.JsonOf(accepted)).GetProperty("id").GetString()!;
        // A kill in the paid POST would leave the job in doubt, and its operation would report a failure.
        await scene.UntilAsync(id, "in_queue");
        await scene.Host.KillAsync();
        using var bare = new HttpClient();
        using var running = await bare.GetAsync(accepted.Headers.Location);
        Assert.True(running.IsSuccessStatusCode, await running.Content.ReadAsStringAsync());
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Slots = 1 };
        await scene.EndAsync(id);
    }

    private static string Parameter(Uri link, string name) =>
        link.Query.TrimStart('?').Split('&').Select(p => p.Split('=', 2)).Single(p => p[0] == name)[1];
}
