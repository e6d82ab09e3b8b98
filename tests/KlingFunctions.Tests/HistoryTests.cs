using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;
using Microsoft.DurableTask.Protobuf;

namespace KlingFunctions.Tests;

/// <summary>
/// Jobs in flight outlive a deployment: what older code wrote down is replayed against today's workflows, every prefix of every history.
/// To record new ones after a change that keeps the old ones going, raise <see cref="Version"/> and run this class once with the environment
/// variable <c>RECORD_HISTORIES=1</c>; folders of older versions stay for as long as their jobs may run.
/// </summary>
public sealed class HistoryTests(SharedAzurite azurite)
{
    private const string Version = "v1";

    // What a waiting job's turn may cost, however long it has waited: forty waits of eight events, and what comes before and after.
    private const int MostEvents = 400;

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "KlingFunctions.Tests", "Histories");

    private static readonly Dictionary<string, Func<HistoryTests, Task<History>>> Jobs = new()
    {
        ["succeeded"] = t => t.SucceedAsync(),
        ["failed"] = t => t.FailAsync(),
        ["cancelled"] = t => t.CancelAsync(),
        ["watched-long"] = t => t.WatchLongAsync(),
        ["resumed"] = t => t.ResumeAsync(),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Recorded => new(IsRecording ? Jobs.Keys.Select(FileOf) : RecordedFiles());

    private static bool IsRecording => Environment.GetEnvironmentVariable("RECORD_HISTORIES") is "1";

    [Theory]
    [MemberData(nameof(Recorded))]
    public async Task What_older_code_wrote_down_leads_todays_workflows_to_the_same_decisions(string file)
    {
        var path = Path.Combine(Folder, file);
        if (IsRecording) (await Jobs[Path.GetFileNameWithoutExtension(file)](this)).Write(path, "s3cr3t-in-a-query");
        await using var app = await App.StartAsync(Settings());
        foreach (var run in History.Read(path).Runs)
        {
            var events = run.Events.Select(e => HistoryEvent.Parser.ParseJson(e.GetRawText())).ToList();
            foreach (var turn in run.Turns)
            {
                var request = new OrchestratorRequest { InstanceId = run.InstanceId };
                request.PastEvents.AddRange(events.Take(turn.Past));
                request.NewEvents.AddRange(events.Skip(turn.Past).Take(turn.New));
                Assert.Equal(turn.Actions, History.ActionsOf(await app.TakeTurnAsync(request)));
            }
        }
    }

    [Fact]
    public void There_is_a_history_of_every_kind_of_job()
    {
        Assert.All(Jobs.Keys, kind => Assert.True(File.Exists(Path.Combine(Folder, FileOf(kind))), $"{kind} is not recorded."));
    }

    [Fact]
    public async Task However_long_a_job_is_watched_its_history_stays_short()
    {
        await using var stage = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:PollMin", "00:00:00.001"), ("Pipeline:PollMax", "00:00:00.001"));
        var longest = 0;
        stage.App.AtTurn = (request, _) => InterlockedMax(ref longest, request.PastEvents.Count + request.NewEvents.Count);
        var id = await stage.Scene.SubmitAsync();
        await PolledAsync(stage.Scene, 200);
        stage.Scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        Assert.Equal("succeeded", Scene.StatusOf(await stage.Scene.EndAsync(id)));
        Assert.InRange(longest, 100, MostEvents);
    }

    private static IEnumerable<string> RecordedFiles() =>
        Directory.EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal);

    private static string FileOf(string kind) => Path.Combine(Version, $"{kind}.json");

    private static void InterlockedMax(ref int longest, int count)
    {
        for (var seen = Volatile.Read(ref longest); count > seen; seen = Volatile.Read(ref longest))
        {
            if (Interlocked.CompareExchange(ref longest, count, seen) == seen) return;
        }
    }

    private static async Task PolledAsync(Scene scene, int times)
    {
        while (scene.RunComfy.Account.Calls(ApiCall.Status) < times) await Task.Delay(20, Cancel);
    }

    private async Task<History> SucceedAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(500) });
        var (scene, recorder) = (stage.Scene, new HistoryRecorder(stage.App));
        using var subscribed = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url });
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await scene.Host.RunUntilAsync(
            id, j => j.GetProperty("notifications").EnumerateArray().Count(n => n.GetProperty("state").GetString() == "delivered") == 2);
        return recorder.History;
    }

    private async Task<History> FailAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, FailsWith = "The model could not do it." });
        var recorder = new HistoryRecorder(stage.App);
        Assert.Equal("provider_failed", await stage.Scene.FailureAsync(await stage.Scene.SubmitAsync()));
        return recorder.History;
    }

    private async Task<History> CancelAsync()
    {
        await using var stage = await StartAsync(new() { Slots = 0 });
        var (scene, recorder) = (stage.Scene, new HistoryRecorder(stage.App));
        var id = await scene.SubmitAsync();
        await PolledAsync(scene, 2);
        using (var asked = await scene.PostAsync($"/api/videos/{id}/cancel")) Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        await scene.UntilAsync(id, "cancelled");
        return recorder.History;
    }

    private async Task<History> WatchLongAsync()
    {
        await using var stage = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:PollMin", "00:00:00.05"), ("Pipeline:PollMax", "00:00:00.05"));
        var (scene, recorder) = (stage.Scene, new HistoryRecorder(stage.App));
        var id = await scene.SubmitAsync();
        await PolledAsync(scene, 42);
        scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        await scene.UntilAsync(id, "succeeded");
        return recorder.History;
    }

    private async Task<History> ResumeAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:Deadline", "00:00:02"));
        var (scene, recorder) = (stage.Scene, new HistoryRecorder(stage.App));
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_timeout", await scene.FailureAsync(id));
        scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        using (var resumed = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        return recorder.History;
    }

    private Dictionary<string, string?> Settings()
    {
        var account = azurite.NextAccount();
        return new() { ["RunComfy:ApiToken"] = "t0ken", ["Storage:Blobs"] = account, ["AzureWebJobsStorage"] = account };
    }

    private Task<Stage> StartAsync(Behaviour behaviour, params (string Key, string Value)[] settings) => Stage.StartAsync(azurite, behaviour, settings);
}
