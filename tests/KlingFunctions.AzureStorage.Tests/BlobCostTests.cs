using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.AzureStorage.Tests;

/// <summary>Counts the Blob requests of whole jobs by price category, with the real steps.</summary>
public sealed class BlobCostTests(TestStorage storage)
{
    private const string Job = "a job without a webhook";
    private const int Block = 8 * 1024 * 1024;

    private static readonly Order Plain = new();

    private static readonly Dictionary<string, Order> Orders = new()
    {
        [Job] = Plain,
        ["its own webhook"] = Plain with { HasWebhook = true },
        ["each subscription"] = Plain with { Subscriptions = 1 },
        ["`Pipeline:MaxInFlight`"] = Plain with { MaxInFlight = 5 },
        ["`Pipeline:MaxJobsPerDay`"] = Plain with { MaxJobsPerDay = 5 },
        ["each further 8 MiB of video"] = Plain with { VideoBytes = Block + 1 },
        ["each further video"] = Plain with { Videos = 2 },
        ["an upload in place of a call"] = Plain with { Upload = """{"prompt": "A walk", "image_urls": ["$valley"], "elements": []}""" },
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Rows => [.. Orders.Keys];

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Blob_operations_of_a_job_equal_those_in_the_document(string row)
    {
        var expected = row == Job ? CostDocument.Row(Job) : CostDocument.Row(Job).Zip(CostDocument.Row(row), (job, more) => job + more);
        Assert.Equal(expected, await CountAsync(Orders[row]));
    }

    [Fact]
    public async Task Stored_image_is_read_once_and_looked_up_twice()
    {
        var upload = Orders["an upload in place of a call"];
        var counted = await CountAsync(upload with { Upload = upload.Upload!.Replace("$valley", "valley.webp", StringComparison.Ordinal) });
        Assert.Equal((await CountAsync(upload)).Zip(CostDocument.Row("each stored image"), (job, more) => job + more), counted);
    }

    [Fact]
    public async Task Blob_operations_of_a_job_with_a_webhook_equal_those_in_the_document()
    {
        var order = Plain with { HasWebhook = true };
        Assert.Equal(CostDocument.Row("in all, with its own webhook"), [(await CountAsync(order)).Sum()]);
        Assert.Equal(CostDocument.Row("in all, with both caps too"), [(await CountAsync(order with { MaxInFlight = 5, MaxJobsPerDay = 5 })).Sum()]);
    }

    /// <summary>Writes, reads, lists, others and deletes of one job. An earlier job has created the day's blob.</summary>
    private async Task<IReadOnlyList<long>> CountAsync(Order order)
    {
        var (account, network) = (storage.NewAccount(), new Network());
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var runComfy = await SimulatorHost.StartAsync(
            new()
            {
                QueueTime = TimeSpan.Zero,
                // A run of zero length is not learned.
                RunTime = TimeSpan.FromSeconds(1),
                PadsFilesTo = order.VideoBytes,
                Outputs = OutputKeys.Videos,
                OutputCount = order.Videos,
            },
            clock, cancellationToken: Cancel);
        await using var receiver = await WebhookReceiver.StartAsync();
        await using var services = Services(account, network, Scene.SettingsFor(runComfy), order);
        for (var n = 0; n < order.Subscriptions; n++)
            await services.GetRequiredService<Subscriptions>().AddAsync(new($"sub_{n}", receiver.Url, [], DateTimeOffset.UnixEpoch), Cancel);
        var valley = new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp");
        using (var http = new HttpClient())
            await account[Containers.Uploads].UploadBlobAsync("valley.webp", new BinaryData(await http.GetByteArrayAsync(valley, Cancel)), Cancel);

        var jobs = (RunJobs)services.GetRequiredService<IJobs>();
        for (var n = 0; n < 2; n++)
        {
            if (order.Upload is { } upload)
            {
                var content = upload.Replace("$valley", valley.AbsoluteUri, StringComparison.Ordinal);
                await account[Containers.Uploads].UploadBlobAsync($"{n}.json", new BinaryData(content), Cancel);
            }
            network.Sent.Clear();
            var webhook = order.HasWebhook ? $$""", "webhook_url": "{{receiver.Url}}" """ : "";
            var body = $$"""{"prompt": "A walk", "image_urls": ["{{valley}}"], "elements": []{{webhook}}}""";
            var job = await jobs.AcceptAsync(services, order.Upload is null ? body : null, $"{n}.json");
            var state = await new Inline(services.GetRequiredService<WorkflowCatalog>(), job.Id, clock).RunAsync<VideoJob, JobState>(GenerateVideo.Name, job);
            Assert.Equal((JobStatus.Succeeded, null), (state.Status, state.Error));
            Assert.Equal((n + 1) * (order.Subscriptions + (order.HasWebhook ? 1 : 0)), receiver.Received.Count);
        }
        string[] kinds = ["write", "read", "list", "other", "delete"];
        var counted = network.Sent.CountBy(r => KindOf(r.Method, r.Path)).ToDictionary();
        return [.. kinds.Select(kind => (long)counted.GetValueOrDefault(kind))];
    }

    // Categories from the document "Map each REST operation to a price", general-purpose v2.
    private static string KindOf(RequestMethod method, string path) => method switch
    {
        _ when method == RequestMethod.Put => "write",
        _ when method == RequestMethod.Get && path.Contains("comp=list", StringComparison.Ordinal) => "list",
        _ when method == RequestMethod.Get => "read",
        _ when method == RequestMethod.Head => "other",
        _ when method == RequestMethod.Delete => "delete",
        _ => throw new ArgumentOutOfRangeException(nameof(method), method, "No job sends this."),
    };

    private static ServiceProvider Services(TestAccount account, Network network, Dictionary<string, string?> settings, Order order)
    {
        settings["Storage:Blobs"] = account.ConnectionString;
        settings["Pipeline:MaxInFlight"] = $"{order.MaxInFlight}";
        settings["Pipeline:MaxJobsPerDay"] = $"{order.MaxJobsPerDay}";
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        return new ServiceCollection().AddLogging().AddPipeline(configuration).AddAzureStores(configuration)
            .AddSingleton(account.Over(network)).AddSingleton<IJobs, RunJobs>().BuildServiceProvider();
    }

    private sealed record Order(
        bool HasWebhook = false, int Subscriptions = 0, int MaxInFlight = 0, int MaxJobsPerDay = 0, int Videos = 1, long? VideoBytes = null,
        string? Upload = null);

    /// <summary>Accepts jobs as the Functions app does, with the index. The test runs them.</summary>
    private sealed class RunJobs(BlobJobIndex index) : IJobs
    {
        private readonly Dictionary<string, VideoJob> _jobs = [];

        public async Task<VideoJob> AcceptAsync(IServiceProvider services, string? body, string path)
        {
            if (body is null)
            {
                await services.GetRequiredService<UploadIntake>().AcceptAsync(path, "https://app.example", mayGrow: false, Cancel);
            }
            else
            {
                var reading = services.GetRequiredService<RequestReader>().Read(new BinaryData(body));
                await services.GetRequiredService<JobIntake>().AcceptAsync(JobIntake.NewId(), reading, "https://app.example", null, Cancel);
            }
            return _jobs.Values.Last();
        }

        public async Task<bool> StartAsync(VideoJob job, CancellationToken cancellationToken)
        {
            await index.AddAsync(job.Id, job.CreatedAt, cancellationToken);
            _jobs.Add(job.Id, job);
            return true;
        }

        public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancellationToken) =>
            Task.FromResult(_jobs.TryGetValue(id, out var job) ? new JobSnapshot(job, JobState.Initial(job), IsRunning: true, []) : null);

        public Task<JobSnapshot?> GetSettledAsync(string id, CancellationToken cancellationToken) => GetAsync(id, cancellationToken);

        public Task<VideoJob?> GetJobAsync(string id, CancellationToken cancellationToken) => Task.FromResult(_jobs.GetValueOrDefault(id));

        public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyDictionary<JobStatus, int>> CountAsync(JobFilter filter, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> CancelAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task CallAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task NotifyAsync(Notification notification, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ForgetNotificationsAsync(string id, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ForgetAsync(JobSnapshot job, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>Runs a workflow and its children at once. Its waits only advance RunComfy's clock.</summary>
    private sealed class Inline(WorkflowCatalog catalog, string id, FakeTimeProvider runComfy) : IWorkflowContext
    {
        public string Id => id;

        public DateTimeOffset Now => TimeProvider.System.GetUtcNow();

        public async Task<TOut> RunAsync<TIn, TOut>(string workflow, TIn input) => Read<TOut>(await catalog.Workflow(workflow).RunAsync(this, Write(input)));

        public async Task<TOut> CallAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input) => Read<TOut>(await catalog.Step(step.Name).RunAsync(Write(input), Cancel));

        public Task WaitUntilAsync(DateTimeOffset time, CancellationToken cancellationToken)
        {
            runComfy.Advance(TimeSpan.FromSeconds(1));
            return Task.CompletedTask;
        }

        public Task WaitForEventAsync(string name) => new TaskCompletionSource().Task;

        public void ReportStatus<T>(T status)
        {
        }

        public Task StartChildAsync<TIn>(string workflow, string id, TIn input) => catalog.Workflow(workflow).RunAsync(new Inline(catalog, id, runComfy), Write(input));

        public void ContinueAsNew<TIn>(TIn input) => throw new NotSupportedException();

        private string Write<T>(T value) => BinaryData.FromObjectAsJson(value, catalog.Json).ToString();

        private T Read<T>(string text) => BinaryData.FromString(text).ToObjectFromJson<T>(catalog.Json)!;
    }
}
