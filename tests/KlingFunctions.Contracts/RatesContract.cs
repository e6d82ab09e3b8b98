using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Contracts;

/// <summary>
/// The two spending guards, as a client and the provider's books see them: exact, however many come at once, whatever becomes of the jobs,
/// and however often the host dies.
/// </summary>
public abstract class RatesContract
{
    private static readonly TimeSpan QueueTime = TimeSpan.FromSeconds(1), RunTime = TimeSpan.FromSeconds(3);

    /// <summary>The clock that everything in a test shares.</summary>
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

    /// <summary>Sends so many requests at the same moment; how each was answered.</summary>
    /// <param name="scene">Where to.</param>
    /// <param name="count">How many.</param>
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
    public async Task Of_many_starts_at_once_exactly_the_days_number_is_accepted_and_a_restart_gives_none_back()
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
    public async Task A_request_that_is_repeated_under_its_key_counts_once_and_is_answered_also_when_the_day_is_full()
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
    public async Task What_is_refused_takes_nothing_of_the_day()
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
    public async Task Never_are_more_in_flight_than_the_cap_and_every_place_comes_back_whatever_becomes_of_its_job()
    {
        const int Cap = 3;
        await using var scene = await StartAsync(("Pipeline:MaxInFlight", $"{Cap}"));
        var random = new Random(4);
        var fine = (await PostAsync(scene, 9)).Select(a => a.Id!).ToList();
        var unwanted = (await PostAsync(scene, 6)).Select(a => a.Id!).ToList();
        // These have a place, and come to nothing before they are submitted.
        var bad = new List<string>();
        for (var n = 0; n < 4; n++)
            bad.Add(await scene.SubmitAsync(new() { ["prompt"] = "@Image1", ["image_urls"] = new JsonArray(scene.Image("nowhere.png")) }));
        // And these are refused by the provider.
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.NoBalance, Times: 2));

        foreach (var id in unwanted)
        {
            var looks = random.Next(4);
            await scene.Host.RunUntilAsync(fine[random.Next(fine.Count)], job => looks-- <= 0 || job.GetProperty("status").GetString() is "succeeded" or "failed");
            using (await scene.PostAsync($"/api/videos/{id}/cancel"))
            {
                // At rest, for a POST that a kill cuts off is in doubt, and ends its job while the provider may go on.
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

        // All places are free again, and none was given back twice.
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

    /// <summary>How many requests the provider had at one time that were neither finished nor cancelled.</summary>
    private static int MostAtOnce(Account account)
    {
        var cancelled = account.Cancellations.Where(c => c.Outcome == "cancelled").ToDictionary(c => c.RequestId, c => c.At);
        var spans = account.Accepted.Select(s => (From: s.At, To: cancelled.GetValueOrDefault(s.RequestId, s.At + QueueTime + RunTime))).ToList();
        return spans.Max(one => spans.Count(other => other.From <= one.From && one.From < other.To));
    }
}
