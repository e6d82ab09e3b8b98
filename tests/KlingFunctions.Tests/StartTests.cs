using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.Contracts.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Tests;

/// <summary>
/// Two calls at the same moment under one Idempotency-Key are one job, also on a backend like Azure Storage's, where both hear that their
/// start was the first.
/// </summary>
public sealed class StartTests(SharedAzurite azurite)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_the_same_body_both_are_told_the_same_job(bool bothHearThatTheyWereFirst)
    {
        await using var stage = await StartAsync(bothHearThatTheyWereFirst);
        var answers = await Task.WhenAll(PostAsync(stage.Scene, "a walk"), PostAsync(stage.Scene, "a walk"));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.Accepted, a.Status));
        Assert.Equal(answers[0].Id, answers[1].Id);
        await AssertIsOneJobAsync(stage.Scene, answers[0].Id, "a walk");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_two_bodies_one_is_the_job_and_the_other_is_refused(bool bothHearThatTheyWereFirst)
    {
        await using var stage = await StartAsync(bothHearThatTheyWereFirst);
        var answers = await Task.WhenAll(PostAsync(stage.Scene, "a walk"), PostAsync(stage.Scene, "a run"));
        Assert.Single(answers, a => a.Status is HttpStatusCode.UnprocessableEntity);
        var accepted = Assert.Single(answers, a => a.Status is HttpStatusCode.Accepted);
        await AssertIsOneJobAsync(stage.Scene, accepted.Id, accepted.Prompt);
    }

    [Fact]
    public async Task Also_in_the_very_same_instant_the_one_whose_body_is_not_the_jobs_is_refused()
    {
        await using var stage = await StartAsync(bothHearThatTheyWereFirst: true, new Standstill(DateTimeOffset.UtcNow));
        var answers = await Task.WhenAll(PostAsync(stage.Scene, "a walk"), PostAsync(stage.Scene, "a run"));
        Assert.Single(answers, a => a.Status is HttpStatusCode.UnprocessableEntity);
        var accepted = Assert.Single(answers, a => a.Status is HttpStatusCode.Accepted);
        Assert.Equal(accepted.Prompt, PromptOf((await ListAsync(stage.Scene)).Single()));
    }

    private static async Task AssertIsOneJobAsync(Scene scene, string id, string prompt)
    {
        var job = await scene.EndAsync(id);
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        Assert.Equal(prompt, scene.RunComfy.Account.Accepted[0].Input.GetProperty("prompt").GetString());
        Assert.Equal(prompt, PromptOf(Assert.Single(await ListAsync(scene))));
    }

    private static string PromptOf(JsonNode job) => job["request"]!["prompt"]!.GetValue<string>();

    private static async Task<List<JsonNode>> ListAsync(Scene scene)
    {
        using var answer = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), TestContext.Current.CancellationToken);
        return [.. JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["videos"]!.AsArray().Select(v => v!)];
    }

    private static async Task<(HttpStatusCode Status, string Id, string Prompt)> PostAsync(Scene scene, string prompt)
    {
        var request = new JsonObject { ["prompt"] = prompt, ["image_urls"] = new JsonArray(scene.Image("valley.webp")) };
        using var answer = await scene.PostAsync("/api/videos", request, "one-key");
        return (answer.StatusCode, (await Scene.JsonOf(answer)).GetProperty("id").GetString()!, prompt);
    }

    private async Task<Stage> StartAsync(bool bothHearThatTheyWereFirst, TimeProvider? clock = null)
    {
        var stage = await Stage.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero },
            configure: clock is null ? null : builder => builder.Services.AddSingleton(clock));
        stage.App.Backend.StartsHearNothing = bothHearThatTheyWereFirst;
        // Neither start is looked at before both have come.
        var (both, come) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), 0);
        stage.App.Backend.AtStart = () =>
        {
            if (Interlocked.Increment(ref come) == 2) both.SetResult();
            return both.Task.WaitAsync(Patience);
        };
        return stage;
    }

    /// <summary>A clock that stands.</summary>
    private sealed class Standstill(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
