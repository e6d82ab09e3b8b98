using System.Net;
using System.Text.Json.Nodes;
using Google.Protobuf;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Durable;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.DurableTask.Worker.Shims;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Tests;

/// <summary>
/// Jobs in flight survive a deployment: every prefix of every history that older code wrote is replayed with today's workflows. To record
/// new ones after a compatible change, raise <see cref="Version"/> and run this class once with the environment variable
/// <c>RECORD_HISTORIES=1</c>. Folders of older versions stay as long as their jobs may run.
/// </summary>
public sealed class HistoryTests(SharedAzurite azurite) : IDisposable
{
    private const string Version = "v4";

    // The limit for a turn of a waiting job, however long it has waited: forty waits of eight events, and those before and after.
    private const int MostEvents = 400;

    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "KlingFunctions.Tests", "Histories");

    private static readonly Dictionary<string, Func<HistoryTests, Task<History>>> Jobs = new()
    {
        ["succeeded"] = t => t.SucceedAsync(),
        ["failed"] = t => t.FailAsync(),
        ["cancelled"] = t => t.CancelAsync(),
        ["watched-long"] = t => t.WatchLongAsync(),
        ["resumed"] = t => t.ResumeAsync(),
        ["placed"] = t => t.WaitForAPlaceAsync(),
        ["batched"] = t => t.EndBatchAsync(),
    };

    private readonly TurnLog _turns = new();
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSingleton(new DurableTaskShimFactory(
            new DurableTaskWorkerOptions { DataConverter = new JsonDataConverter(DurableJson.ForHistory) }, NullLoggerFactory.Instance))
        .BuildServiceProvider();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Recorded => new(IsRecording ? Jobs.Keys.Select(FileOf) : RecordedFiles());

    private static bool IsRecording => Environment.GetEnvironmentVariable("RECORD_HISTORIES") is "1";

    [Theory]
    [MemberData(nameof(Recorded))]
    public async Task Recorded_histories_replay_to_the_same_decisions(string file)
    {
        var path = Path.Combine(Folder, file);
        if (IsRecording) (await Jobs[Path.GetFileNameWithoutExtension(file)](this)).Write(path, "s3cr3t-in-a-query");
        foreach (var run in History.Read(path).Runs)
        {
            var events = run.Events.Select(e => HistoryEvent.Parser.ParseJson(e.GetRawText())).ToList();
            foreach (var turn in run.Turns)
            {
                var request = new OrchestratorRequest { InstanceId = run.InstanceId };
                request.PastEvents.AddRange(events.Take(turn.Past));
                request.NewEvents.AddRange(events.Skip(turn.Past).Take(turn.New));
                Assert.Equal(turn.Actions, History.ActionsOf(TakeTurn(run.Workflow, request)));
            }
        }
    }

    [Fact]
    public void Every_kind_of_job_has_a_recorded_history()
    {
        Assert.All(Jobs.Keys, kind => Assert.True(File.Exists(Path.Combine(Folder, FileOf(kind))), $"{kind} is not recorded."));
    }

    [Fact]
    public async Task History_of_a_long_job_stays_short()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, NeverFinishes = true });
        var id = await stage.Scene.SubmitAsync();
        // Twice the number of polls of one run.
        await PolledAsync(stage.Scene, 90);
        stage.Scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        Assert.Equal("succeeded", Scene.StatusOf(await stage.Scene.EndAsync(id)));
        Assert.InRange(_turns.Read().Max(t => t.Request.PastEvents.Count + t.Request.NewEvents.Count), 100, MostEvents);
    }

    public void Dispose()
    {
        _turns.Dispose();
        _services.Dispose();
    }

    /// <summary>Durable's published runner over the app's own orchestrators, as in the worker.</summary>
    private OrchestratorResponse TakeTurn(string workflow, OrchestratorRequest request)
    {
        var encoded = request.ToByteString().ToBase64();
        var response = workflow == GenerateVideo.Name
            ? GrpcOrchestrationRunner.LoadAndRun<VideoJob, JobState>(encoded, Orchestrators.GenerateVideoAsync!, _services)
            : GrpcOrchestrationRunner.LoadAndRun<Notification, NotificationState>(encoded, Orchestrators.NotifyAsync!, _services);
        return OrchestratorResponse.Parser.ParseFrom(ByteString.FromBase64(response));
    }

    private static IEnumerable<string> RecordedFiles() =>
        Directory.EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal);

    private static string FileOf(string kind) => Path.Combine(Version, $"{kind}.json");

    private static async Task PolledAsync(Scene scene, int times)
    {
        while (scene.RunComfy.Account.Calls(ApiCall.Status) < times) await Task.Delay(20, Cancel);
    }

    private async Task<History> SucceedAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(500) });
        var scene = stage.Scene;
        using var subscribed = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url });
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await scene.Host.RunUntilAsync(
            id, j => j.GetProperty("notifications").EnumerateArray().Count(n => n.GetProperty("state").GetString() == "delivered") == 2);
        return History.Of(_turns.Read());
    }

    private async Task<History> FailAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, FailsWith = "The model could not do it." });
        Assert.Equal("provider_failed", await stage.Scene.FailureAsync(await stage.Scene.SubmitAsync()));
        return History.Of(_turns.Read());
    }

    private async Task<History> CancelAsync()
    {
        await using var stage = await StartAsync(new() { Slots = 0 });
        var scene = stage.Scene;
        var id = await scene.SubmitAsync();
        await PolledAsync(scene, 2);
        using (var asked = await scene.PostAsync($"/api/videos/{id}/cancel")) Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        await scene.UntilAsync(id, "cancelled");
        return History.Of(_turns.Read());
    }

    private async Task<History> WatchLongAsync()
    {
        await using var stage = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:PollMin", "00:00:00.05"), ("Pipeline:PollMax", "00:00:00.05"));
        var scene = stage.Scene;
        var id = await scene.SubmitAsync();
        await PolledAsync(scene, 42);
        scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        await scene.UntilAsync(id, "succeeded");
        return History.Of(_turns.Read());
    }

    private async Task<History> ResumeAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:Deadline", "00:00:02"));
        var scene = stage.Scene;
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_timeout", await scene.FailureAsync(id));
        scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        using (var resumed = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        return History.Of(_turns.Read());
    }

    private async Task<History> WaitForAPlaceAsync()
    {
        await using var stage = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(500), Slots = 2 }, ("Pipeline:MaxInFlight", "1"));
        var jobs = new[] { await stage.Scene.SubmitAsync(), await stage.Scene.SubmitAsync() };
        foreach (var id in jobs) await stage.Scene.UntilAsync(id, "succeeded");
        return History.Of(_turns.Read());
    }

    private async Task<History> EndBatchAsync()
    {
        await using var stage = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMilliseconds(500) });
        var scene = stage.Scene;
        using var subscribed = await scene.PostAsync(
            "/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url, ["events"] = new JsonArray("batch.finished") });
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        using var accepted = await scene.PostAsync("/api/videos/batch", new JsonArray(scene.Request(), scene.Request()));
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        while (scene.Receiver.Received.Count == 0) await Task.Delay(20, Cancel);
        await scene.Host.RunToRestAsync();
        return History.Of(_turns.Read());
    }

    // Timers fire at once, so that many polls take little time.
    private Task<AppScene> StartAsync(Behaviour behaviour, params (string Key, string? Value)[] settings) =>
        AppScene.StartAsync(azurite, behaviour, [.. settings, _turns.Setting], TimeSpan.Zero);
}
