using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.Tests;

/// <summary>
/// Simultaneous calls under one Idempotency-Key are one job. Azure Storage may report several of their starts as the first, so this takes
/// many rounds.
/// </summary>
public sealed class StartTests(SharedAzurite azurite)
{
    private const int Rounds = 12;

    [Fact]
    public async Task Simultaneous_calls_with_one_key_are_one_job_or_are_refused()
    {
        await using var stage = await AppScene.RentAsync(azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero });
        var scene = stage.Scene;
        for (var round = 0; round < Rounds; round++)
        {
            string[] prompts = ["a walk", "a walk", "a run", "a run"];
            var key = $"key-{round}";
            var answers = await Task.WhenAll(prompts.Select(prompt => PostAsync(scene, prompt, key)));
            var accepted = answers.Where(a => a.Status is HttpStatusCode.Accepted).ToList();
            var (_, id, prompt) = accepted[0];
            Assert.All(accepted, a => Assert.Equal((id, prompt), (a.Id, a.Prompt)));
            Assert.All(answers.Except(accepted), a => Assert.Equal(HttpStatusCode.UnprocessableEntity, a.Status));
            Assert.Equal(prompt, (await scene.GetAsync(id)).GetProperty("request").GetProperty("prompt").GetString());
        }
        var page = await PageAsync(scene);
        foreach (var job in page) Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(job!["id"]!.GetValue<string>())));
        Assert.Equal(Rounds, page.Count);
        Assert.Equal(Rounds, scene.RunComfy.Account.AcceptedCount);
    }

    private static async Task<JsonArray> PageAsync(Scene scene)
    {
        var text = await scene.Http.GetStringAsync(new Uri("/api/videos?limit=100", UriKind.Relative), TestContext.Current.CancellationToken);
        return JsonNode.Parse(text)!["videos"]!.AsArray();
    }

    private static async Task<(HttpStatusCode Status, string Id, string Prompt)> PostAsync(Scene scene, string prompt, string key)
    {
        var request = new JsonObject { ["prompt"] = prompt, ["image_urls"] = new JsonArray(scene.Image("valley.webp")) };
        using var answer = await scene.PostAsync("/api/videos", request, key);
        return (answer.StatusCode, (await Scene.JsonOf(answer)).GetProperty("id").GetString()!, prompt);
    }
}
