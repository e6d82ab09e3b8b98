using System.Collections.Concurrent;
using System.Globalization;
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
        await using var stage = await Stage.StartAsync(azurite);
        stage.Scene.RunComfy.Inject(new(call, FaultKind.Hang));
        var id = await stage.SubmitAsync();
        while (stage.Scene.RunComfy.Account.Calls(call) == 0) await Task.Delay(5, TestContext.Current.CancellationToken);
        await stage.App.KillAsync();
        await stage.AuditAsync(id);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Killed_over_and_over_at_random_the_job_goes_on_and_is_paid_once(int seed)
    {
        await using var stage = await Stage.StartAsync(azurite, TimeSpan.FromSeconds(2));
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
        var id = await stage.SubmitAsync();
        await ambush.Over.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", places));
        await stage.AuditAsync(id);
    }

    private async Task KillAsync(string name, StepMoment moment, int count = 1)
    {
        await using var stage = await Stage.StartAsync(azurite);
        var ambush = Ambush.Lay(stage.App, 1, (n, m) => n == name && m == moment && --count == 0);
        var id = await stage.SubmitAsync();
        await ambush.Over.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        await stage.AuditAsync(id);
    }

    /// <summary>The app, and all that it deals with.</summary>
    private sealed class Stage(FunctionsHost app, Scene scene, string account) : IAsyncDisposable
    {
        public FunctionsHost App => app;

        public Scene Scene => scene;

        public static async Task<Stage> StartAsync(SharedAzurite azurite, TimeSpan? runTime = null)
        {
            var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = runTime ?? TimeSpan.FromMilliseconds(300) });
            var account = azurite.NextAccount();
            var settings = Scene.SettingsFor(runComfy);
            settings["Storage:Blobs"] = settings["AzureWebJobsStorage"] = account;
            var app = await Tests.App.StartAsync(settings, TimeSpan.FromSeconds(1));
            return new(app, new(new FunctionsHostUnderTest(app), runComfy, await WebhookReceiver.StartAsync()), account);
        }

        public Task<string> SubmitAsync() => scene.SubmitAsync(scene.Request(scene.Receiver.Url));

        /// <summary>The job succeeds; it was paid once; what is kept is whole; its owner is told, under one id.</summary>
        public async Task AuditAsync(string id)
        {
            var job = await scene.Host.RunUntilAsync(id, j =>
                j.GetProperty("status").GetString() is "failed" or "cancelled" || Notifications(j).Any(n => n.GetProperty("state").GetString() == "delivered"));
            Assert.Equal("succeeded", Scene.StatusOf(job));

            Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
            Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
            var ledger = new BlobServiceClient(account).GetBlobContainerClient(Containers.Ledger);
            Assert.Equal(1, await ledger.GetBlobsAsync(cancellationToken: TestContext.Current.CancellationToken).CountAsync(TestContext.Current.CancellationToken));

            var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(job.GetProperty("video").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));

            Assert.Single(Notifications(job));
            Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
            Assert.All(scene.Receiver.Received, r => Assert.Equal("video.succeeded", r.Json.GetProperty("type").GetString()));
        }

        public ValueTask DisposeAsync() => scene.DisposeAsync();

        private static JsonElement.ArrayEnumerator Notifications(JsonElement job) => job.GetProperty("notifications").EnumerateArray();
    }
}
