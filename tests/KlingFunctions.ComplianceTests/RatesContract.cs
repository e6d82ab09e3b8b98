using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.ComplianceTests;

/// <summary>
/// The caps on jobs per day and in flight, as clients and the provider's account see them. They are exact under concurrency, failed jobs
/// and kills of the host.
/// </summary>
public abstract class RatesContract
{
    private static readonly TimeSpan QueueTime = TimeSpan.FromSeconds(1), RunTime = TimeSpan.FromSeconds(3);

    /// <summary>The clock of host, provider and receivers.</summary>
    protected abstract TimeProvider Time { get; }

    protected abstract Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings);

    protected async Task<Scene> StartAsync(params (string Key, string Value)[] settings)
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = QueueTime, RunTime = RunTime, Slots = 1_000 }, Time);
        var receiver = await WebhookReceiver.StartAsync();
        var all = Scene.SettingsFor(runComfy);
        foreach (var (key, value) in settings) all[key] = value;
        return new(await StartHostAsync(all), runComfy, receiver);
    }

    /// <summary>Sends requests simultaneously; returns the answer to each.</summary>
    /// <param name="scene">The host and its provider.</param>
    /// <param name="count">The number of requests.</param>
    /// <param name="keys">The requests share this many idempotency keys; 0: none has one.</param>
    protected static async Task<IReadOnlyList<(HttpStatusCode Status, string? Id)>> PostAsync(Scene scene, int count, int keys = 0) =>
        await Task.WhenAll(Enumerable.Range(0, count).Select(async n =>
        {
            using var answer = await scene.PostAsync("/api/videos", new JsonObject { ["prompt"] = "a fox" }, keys > 0 ? $"order-{n % keys}" : null);
            if (answer.StatusCode is HttpStatusCode.TooManyRequests)
                Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
            else
                Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            var body = await Scene.JsonOf(answer);
            return (answer.StatusCode, answer.StatusCode is HttpStatusCode.Accepted ? body.GetProperty("id").GetString() : null);
        }));

    [Fact]
    public async Task Simultaneous_starts_are_accepted_up_to_the_daily_cap_across_a_restart()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "7"));
        var answers = await PostAsync(scene, 40);
        Assert.Equal(7, answers.Count(a => a.Status is HttpStatusCode.Accepted));
        await scene.Host.RunToRestAsync();
        await scene.Host.KillAsync();
        Assert.All(await PostAsync(scene, 10), a => Assert.Equal(HttpStatusCode.TooManyRequests, a.Status));
        foreach (var (_, id) in answers.Where(a => a.Id is not null)) await scene.UntilAsync(id!, "succeeded");
        Assert.Equal(7, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Request_repeated_under_its_key_counts_once_even_on_a_full_day()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "4"));
        var answers = await PostAsync(scene, 60, keys: 6);
        var jobs = answers.Where(a => a.Id is not null).Select(a => a.Id).Distinct().ToList();
        Assert.Equal(4, jobs.Count);
        Assert.Equal(40, answers.Count(a => a.Status is HttpStatusCode.Accepted));
        var again = await PostAsync(scene, 6, keys: 6);
        Assert.Equal(jobs.Order(), again.Where(a => a.Id is not null).Select(a => a.Id).Order());
    }

    [Fact]
    public async Task Refused_request_does_not_count_for_the_day()
    {
        await using var scene = await StartAsync(("Pipeline:MaxJobsPerDay", "2"));
        foreach (var path in new[] { "/api/videos", "/api/videos/validate" })
        {
            using var refused = await scene.PostAsync(path, new JsonObject { ["prompt"] = "" });
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
        Assert.Equal(2, (await PostAsync(scene, 5)).Count(a => a.Id is not null));
    }

    [Fact]
    public async Task In_flight_cap_holds_and_every_slot_is_released()
    {
        const int Cap = 3;
        await using var scene = await StartAsync(("Pipeline:MaxInFlight", $"{Cap}"));
        var random = new Random(4);
        var fine = (await PostAsync(scene, 9)).Select(a => a.Id!).ToList();
        var unwanted = (await PostAsync(scene, 6)).Select(a => a.Id!).ToList();
        // These jobs get a slot, but fail before their submission.
        var bad = new List<string>();
        for (var n = 0; n < 4; n++)
            bad.Add(await scene.SubmitAsync(new() { ["prompt"] = "@Image1", ["image_urls"] = new JsonArray(scene.Image("nowhere.png")) }));
        // The provider refuses these jobs.
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.NoBalance, Times: 2));

        foreach (var id in unwanted)
        {
            var looks = random.Next(4);
            await scene.Host.RunUntilAsync(fine[random.Next(fine.Count)], job => looks-- <= 0 || job.GetProperty("status").GetString() is "succeeded" or "failed");
            using (await scene.PostAsync($"/api/videos/{id}/cancel"))
            {
                // Idle first: a kill during a POST would end a job in doubt while the provider may continue with it.
                await scene.Host.RunToRestAsync();
                await scene.Host.KillAsync();
            }
        }
        var ends = new List<string>();
        foreach (var id in fine) ends.Add(Scene.StatusOf(await scene.EndAsync(id)));
        foreach (var id in unwanted) Assert.NotNull(Scene.StatusOf(await scene.EndAsync(id)));
        foreach (var id in bad) Assert.Equal("image_unreachable", await scene.FailureAsync(id));
        Assert.InRange(ends.Count(s => s is "failed"), 0, 2);
        Assert.InRange(MostAtOnce(scene.RunComfy.Account), 1, Cap);

        // All slots are free again, and none was released twice.
        var before = scene.RunComfy.Account.AcceptedCount;
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Slots = 0 };
        var last = (await PostAsync(scene, Cap + 4)).Select(a => a.Id!).ToList();
        await scene.Host.RunToRestAsync();
        await EventuallyAsync(() => scene.RunComfy.Account.AcceptedCount - before >= Cap);
        Assert.Equal(Cap, scene.RunComfy.Account.AcceptedCount - before);
        Assert.Equal(last.Count, last.Distinct().Count());
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        for (var looks = 0; looks < 3_000 && !condition(); looks++) await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    /// <summary>The largest number of simultaneous requests at the provider that were neither finished nor cancelled.</summary>
    private static int MostAtOnce(Account account)
    {
        var cancelled = account.Cancellations.Where(c => c.Outcome == "cancelled").ToDictionary(c => c.RequestId, c => c.At);
        var spans = account.Accepted.Select(s => (From: s.At, To: cancelled.GetValueOrDefault(s.RequestId, s.At + QueueTime + RunTime))).ToList();
        return spans.Max(one => spans.Count(other => other.From <= one.From && one.From < other.To));
    }
}
