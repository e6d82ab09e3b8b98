using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

/// <summary>Paging shows each job once, though jobs start, end and are deleted between two pages.</summary>
public sealed class PagingTests
{
    private static readonly Gen<(int Jobs, int Size, int Seed, bool OnlyQueued)> Walks =
        from jobs in Gen.Choose(0, 12)
        from size in Gen.Choose(1, 6)
        from seed in Gen.Choose(0, int.MaxValue)
        from onlyQueued in Gen.Elements(true, false)
        select (jobs, size, seed, onlyQueued);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public void Pages_show_every_remaining_job_once_newest_first() => Prop.ForAll(
        Walks.ToArbitrary(), walk => HoldsAsync(walk.Jobs, walk.Size, new Random(walk.Seed), walk.OnlyQueued).GetAwaiter().GetResult())
        .Check(Config.QuickThrowOnFailure.WithMaxTest(12).WithReplay(4, 17));

    private static async Task<bool> HoldsAsync(int jobs, int size, Random random, bool onlyQueued)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));
        var runComfy = await SimulatorHost.StartAsync(new() { Slots = 0 }, time, cancellationToken: Ct);
        var host = await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), time);
        await using var scene = new Scene(host, runComfy, await WebhookReceiver.StartAsync());
        var known = new List<string>();
        var gone = new HashSet<string>();
        var ended = new HashSet<string>();

        async Task AddAsync()
        {
            // Some jobs have equal times.
            if (random.Next(2) == 0) time.SetUtcNow(time.GetUtcNow().AddMilliseconds(1));
            known.Add(await scene.SubmitAsync(new JsonObject { ["prompt"] = "a fox" }));
            await host.RunToRestAsync();
        }
        async Task EndAsync(string id)
        {
            using (await scene.PostAsync($"/api/videos/{id}/cancel")) await scene.UntilAsync(id, "cancelled");
            ended.Add(id);
        }

        for (var n = 0; n < jobs; n++) await AddAsync();
        foreach (var id in known.Where(_ => random.Next(3) == 0).ToList()) await EndAsync(id);
        var there = known.ToList();
        var endedBefore = ended.ToHashSet();

        var seen = new List<JsonElement>();
        for (var cursor = ""; ;)
        {
            using var answer = await scene.Http.GetAsync(
                new Uri($"/api/videos?limit={size}{(onlyQueued ? "&status=in_queue" : "")}{cursor}", UriKind.Relative), Ct);
            var page = await Scene.JsonOf(answer);
            var videos = page.GetProperty("videos").EnumerateArray().ToList();
            Assert.InRange(videos.Count, 0, size);
            seen.AddRange(videos);
            if (!page.TryGetProperty("next_cursor", out var next)) break;
            cursor = $"&cursor={next.GetString()}";

            for (var n = random.Next(3); n > 0; n--) await AddAsync();
            foreach (var id in known.Where(id => !gone.Contains(id) && random.Next(6) == 0).ToList())
            {
                if (!ended.Contains(id)) await EndAsync(id);
                else
                {
                    var old = host.Services.GetRequiredService<IJobs>();
                    await old.ForgetAsync((await old.GetAsync(id, Ct))!, Ct);
                    gone.Add(id);
                }
            }
        }

        var ids = seen.Select(v => v.GetProperty("id").GetString()!).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.Empty(there.Where(id => !gone.Contains(id) && !(onlyQueued && ended.Contains(id))).Except(ids));
        if (onlyQueued) Assert.Empty(ids.Intersect(endedBefore));
        var times = seen.Select(v => v.GetProperty("created_at").GetDateTimeOffset()).ToList();
        Assert.Equal(times.OrderDescending(), times);
        return true;
    }
}
