using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>A job killed between any two steps on Durable's runtime goes on, and is paid once. After each kill the books are audited.</summary>
public sealed class KillTests(SharedAzurite azurite)
{
    private const int RandomKills = 10;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Every step of a job with a webhook, in the order in which it takes them.</summary>
    public static TheoryData<string> Steps => ["Validate", "Submit", "Poll", "Store", "FindReceivers", "StartChild", "Deliver"];

    /// <summary>Turns of the workflows: which of them, counted from one. Every job takes so many at least.</summary>
    public static TheoryData<string, int> Turns
    {
        get
        {
            var turns = new TheoryData<string, int>();
            for (var n = 1; n <= 9; n++) turns.Add("GenerateVideo", n);
            for (var n = 1; n <= 2; n++) turns.Add("Notify", n);
            return turns;
        }
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public Task Killed_before_a_step_has_begun_the_job_goes_on_and_is_paid_once(string step) => KillAsync(step, StepMoment.Taken);

    [Theory]
    [MemberData(nameof(Steps))]
    public Task Killed_before_the_outcome_of_a_step_is_written_the_job_goes_on_and_is_paid_once(string step) => KillAsync(step, StepMoment.Done);

    [Theory]
    [MemberData(nameof(Steps))]
    public Task Killed_when_the_outcome_of_a_step_is_written_the_job_goes_on_and_is_paid_once(string step) => KillAsync(step, StepMoment.Written);

    [Theory]
    [MemberData(nameof(Turns))]
    public Task Killed_before_what_a_turn_decided_is_written_the_job_goes_on_and_is_paid_once(string workflow, int turn) =>
        KillAsync(workflow, StepMoment.Done, turn);

    [Theory]
    [MemberData(nameof(Turns))]
    public Task Killed_when_what_a_turn_decided_is_written_the_job_goes_on_and_is_paid_once(string workflow, int turn) =>
        KillAsync(workflow, StepMoment.Written, turn);

    [Theory]
    [InlineData(ApiCall.Status)]
    [InlineData(ApiCall.Result)]
    [InlineData(ApiCall.Download)]
    public async Task Killed_in_the_middle_of_a_step_that_only_reads_the_job_goes_on_and_is_paid_once(ApiCall call)
    {
        await using var stage = await StartAsync();
        stage.Scene.RunComfy.Inject(new(call, FaultKind.Hang));
        var id = await SubmitAsync(stage);
        while (stage.Scene.RunComfy.Account.Calls(call) == 0) await Task.Delay(5, Cancel);
        await stage.App.KillAsync();
        await AuditAsync(stage, id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Killed_over_and_over_at_random_the_job_goes_on_and_is_paid_once(int seed)
    {
        await using var stage = await StartAsync(TimeSpan.FromSeconds(2));
        var random = new Random(seed);
        var places = new ConcurrentQueue<string>();
        var next = random.Next(1, 9);
        var ambush = Ambush.Lay(stage.App, RandomKills, (name, moment) =>
        {
            if (--next > 0) return false;
            next = random.Next(1, 9);
            places.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{name} {moment}"));
            return true;
        });
        var id = await SubmitAsync(stage);
        await ambush.Over.WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", places));
        await AuditAsync(stage, id);
    }

    private async Task KillAsync(string name, StepMoment moment, int count = 1)
    {
        // Long enough for all turns, though happenings that come at once are one turn.
        await using var stage = await StartAsync(count > 6 ? TimeSpan.FromSeconds(3) : null);
        var ambush = Ambush.Lay(stage.App, 1, (n, m) => n == name && m == moment && --count == 0);
        var id = await SubmitAsync(stage);
        await ambush.Over.WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        await AuditAsync(stage, id);
    }

    private Task<Stage> StartAsync(TimeSpan? runTime = null) => Stage.StartAsync(
        azurite, new() { QueueTime = TimeSpan.Zero, RunTime = runTime ?? TimeSpan.FromMilliseconds(300) }, timersAtMost: TimeSpan.FromSeconds(1));

    /// <summary>As a client does it that means to pay once: under a key, and again where the host died before it answered.</summary>
    private static async Task<string> SubmitAsync(Stage stage)
    {
        while (true)
        {
            using var answer = await stage.Scene.PostAsync("/api/videos", stage.Scene.Request(stage.Scene.Receiver.Url), idempotencyKey: "order-7");
            if (answer.StatusCode is HttpStatusCode.Accepted) return (await Scene.JsonOf(answer)).GetProperty("id").GetString()!;
            Assert.True((int)answer.StatusCode >= 500);
        }
    }

    /// <summary>The job succeeds; it was paid once; what is kept is whole; its owner is told, under one id.</summary>
    private static async Task AuditAsync(Stage stage, string id)
    {
        var scene = stage.Scene;
        var job = await scene.Host.RunUntilAsync(id, j =>
            j.GetProperty("status").GetString() is "failed" or "cancelled" || Notifications(j).Any(n => n.GetProperty("state").GetString() == "delivered"));
        Assert.Equal("succeeded", Scene.StatusOf(job));

        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
        var ledger = new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Ledger);
        Assert.Equal(1, await ledger.GetBlobsAsync(cancellationToken: Cancel).CountAsync(Cancel));

        var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative), Cancel);
        Assert.Equal(job.GetProperty("video").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));

        Assert.Single(Notifications(job));
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
        Assert.All(scene.Receiver.Received, r => Assert.Equal("video.succeeded", r.Json.GetProperty("type").GetString()));
    }

    private static JsonElement.ArrayEnumerator Notifications(JsonElement job) => job.GetProperty("notifications").EnumerateArray();
}
