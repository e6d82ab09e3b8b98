using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Storing;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Pipeline.Tests.SeededRuns;

/// <summary>
/// Jobs under the faults of one seed, with an operator who acts as docs/operations.md says until nothing is left to do; then an audit.
/// </summary>
internal sealed class SeededRun : IAsyncDisposable
{
    private const int Jobs = 3;
    private const int Rounds = 12;
    private const int RoundsInWeather = 3;
    private const int MostSubmissionsInDoubt = 3;

    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Random _random;
    private readonly SimulatorHost _runComfy;
    private readonly WebhookReceiver _receiver;
    private readonly ServiceProvider _services;
    private readonly InMemoryEngine _engine;
    private readonly MemoryVideoStore _store = new();
    private readonly StageClock _clock;
    private readonly bool _resubmits;
    // Cancelled by a user, or at the deadline because it was still queued.
    private readonly HashSet<string> _mayBeCancelled = [];
    private readonly List<string> _faults = [];

    private SeededRun(Random random, StageClock clock, SimulatorHost runComfy, WebhookReceiver receiver)
    {
        (_random, _clock, _runComfy, _receiver) = (random, clock, runComfy, receiver);
        _resubmits = random.Next(2) == 0;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>(Scene.SettingsFor(runComfy))
        {
            ["Submission:WhenInDoubt"] = _resubmits ? "resubmit" : "fail",
            ["Pipeline:Deadline"] = Pick("00:20:00", "02:00:00"),
            ["Pipeline:PollMin"] = "00:00:02",
            ["Pipeline:PollMax"] = "00:05:00",
        }).Build();
        var uploads = new NoUploads();
        _services = new ServiceCollection()
            .AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance).AddSingleton(typeof(ILogger<>), typeof(NullLogger<>))
            .AddSingleton<TimeProvider>(clock)
            .AddPipeline(configuration)
            .AddSingleton<IJobs>(_ => _engine!).AddSingleton<IVideoStore>(_store).AddSingleton<ISubmissionLedger, InMemoryLedger>()
            .AddSingleton<IDocuments, InMemoryDocuments>().AddSingleton<IAssetStore, InMemoryAssets>().AddSingleton<IAssetLinks>(uploads).AddSingleton<IUploads>(uploads)
            .BuildServiceProvider();
        _engine = new(clock, _services.GetRequiredService<WorkflowCatalog>, () => runComfy.Hanging > 0);
    }

    public static async Task<SeededRun> BeginAsync(int seed, CancellationToken cancellationToken)
    {
        var (random, clock) = (new Random(seed), new StageClock(Start));
        var runComfy = await SimulatorHost.StartAsync(Ways(random) with { Weather = Draw(seed, random) }, clock, cancellationToken: cancellationToken);
        return new(random, clock, runComfy, await WebhookReceiver.StartAsync());
    }

    /// <summary>Runs everything; returns the faults found by the audit.</summary>
    public async Task<IReadOnlyList<string>> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await OrderAsync(cancellationToken);
            for (var round = 1; round <= Rounds && Snapshots.Any(s => s.State.Status is JobStatus.Failed); round++)
            {
                if (round > RoundsInWeather) _runComfy.Behaviour = _runComfy.Behaviour with { Weather = null };
                foreach (var job in Snapshots.Where(s => s.State.Status is JobStatus.Failed)) await HandleFailureAsync(job, cancellationToken);
                await _engine.RunAsync();
            }
            _runComfy.Behaviour = _runComfy.Behaviour with { Weather = null };
            foreach (var job in Snapshots) await AuditAsync(job, cancellationToken);
            if (_runComfy.Account.DownloadsWithToken > 0) _faults.Add("The token went to where files are downloaded from.");
        }
        catch (TimeoutException e)
        {
            _faults.Add(e.Message);
        }
        return _faults;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _receiver.DisposeAsync();
        await _runComfy.DisposeAsync();
    }

    private IReadOnlyList<JobSnapshot> Snapshots => [.. Enumerable.Range(0, Jobs).Select(n => _engine.Get(IdOf(n)))];

    private static string IdOf(int n) => $"vid_{n:x32}";

    /// <summary>The points that RunComfy's documentation leaves open.</summary>
    private static Behaviour Ways(Random random) => new()
    {
        QueueTime = TimeSpan.FromSeconds(random.Next(120)),
        RunTime = TimeSpan.FromSeconds(random.Next(1, 1200)),
        Slots = random.Next(1, 4),
        BalanceUsd = 1_000_000,
        ErrorShape = (ErrorShape)random.Next((int)ErrorShape.DetailArray),
        SubmitStatusCode = random.Next(2) == 0 ? 200 : 202,
        FailureOnStatus = random.Next(2) == 0,
        NotReadyIsError = random.Next(2) == 0,
        OmitsQueuePosition = random.Next(2) == 0,
        // No image outputs: half of an image looks complete, and the video is what was paid for.
        Outputs = random.Next(2) == 0 ? OutputKeys.Video : OutputKeys.Videos,
        OutputCount = random.Next(1, 3),
        RedirectsFilesTo = random.Next(4) == 0 ? "/moved" : null,
        IgnoresRange = random.Next(4) == 0,
        FileLength = random.Next(4) == 0 ? FileLength.Missing : FileLength.Right,
        PadsFilesTo = random.Next(2) == 0 ? null : 200_000,
    };

    private static Weather Draw(int seed, Random random) => new()
    {
        Seed = seed,
        Gusts = random.NextDouble() * 0.7,
        // Sometimes a single storm for the whole run.
        Storms = random.Next(8) == 0 ? 1 : random.NextDouble() * 0.5,
        StormSeconds = random.Next(60, 10_000),
    };

    private async Task OrderAsync(CancellationToken cancellationToken)
    {
        var jobs = _services.GetRequiredService<IJobs>();
        for (var n = 0; n < Jobs; n++)
        {
            var job = SampleJobs.New(IdOf(n), _receiver.Url);
            var input = new JsonObject { ["prompt"] = job.Id, ["elements"] = new JsonArray(), ["image_urls"] = new JsonArray(), ["duration"] = "5", ["aspect_ratio"] = "16:9" };
            await jobs.StartAsync(job with { Request = job.Request with { Input = JsonSerializer.SerializeToElement(input) } }, cancellationToken);
            await _engine.RunAsync(_clock.GetUtcNow().AddSeconds(_random.Next(60)));
        }
        foreach (var job in Snapshots.Where(_ => _random.Next(6) == 0))
        {
            await _engine.RunAsync(_clock.GetUtcNow().AddSeconds(_random.Next(300)));
            if (await jobs.CancelAsync(job.Job.Id, cancellationToken)) _mayBeCancelled.Add(job.Job.Id);
        }
        await _engine.RunAsync();
    }

    /// <summary>The operator's action for a failed job: see the table in docs/operations.md.</summary>
    private async Task HandleFailureAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        var request = new ResumeRequest();
        if (job.State.Error!.Code is ErrorCodes.SubmissionInDoubt)
        {
            var there = PaidFor(job);
            request = there.Count > 0 ? new(RequestId: there[^1].RequestId) : new(Resubmit: true);
        }
        if (job.State.Error.Code is ErrorCodes.ProviderTimeout) _mayBeCancelled.Add(job.Job.Id);
        if (Resumption.Of(job, request, _clock.GetUtcNow().AddHours(2)) is { Job: { } resumed }) await _services.GetRequiredService<IJobs>().ResumeAsync(resumed, cancellationToken);
    }

    private async Task AuditAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        var (id, state, paid) = (job.Job.Id, job.State, PaidFor(job));
        if (job.IsRunning) Fault("still runs");
        // Nothing is submitted again after an answer that arrived, and nothing in doubt more often than the limit.
        if (paid.SkipLast(1).Any(s => s.SpoiltBy is null) || paid.Count > (_resubmits ? MostSubmissionsInDoubt : 1))
            Fault($"was paid {paid.Count} times, and its answers were spoilt by: {string.Join(", ", paid.Select(s => $"{s.SpoiltBy}"))}");
        switch (state.Status)
        {
            case JobStatus.Succeeded:
                if (!paid.Any(s => s.RequestId == state.Provider!.RequestId)) Fault($"has the video of {state.Provider!.RequestId}, which is none of its submissions");
                await AuditFilesAsync(job, cancellationToken);
                break;
            case JobStatus.Cancelled:
                if (!_mayBeCancelled.Contains(id)) Fault("was cancelled, and nobody asked for it");
                var cancelled = _runComfy.Account.Cancellations.Where(c => c.Outcome is "cancelled").Select(c => c.RequestId).ToHashSet();
                if (paid.Any(s => !cancelled.Contains(s.RequestId) && !(_resubmits && s.SpoiltBy is not null))) Fault("is cancelled, and paid for");
                break;
            default:
                Fault("did not come to its end");
                break;
        }
        for (var run = 0; run <= job.Job.Run; run++)
        {
            var webhooks = _receiver.Received.Where(w => IsEndOf(w.Id, id, run)).Select(w => Convert.ToHexString(w.Body)).ToList();
            if (webhooks.Count == 0) Fault($"sent no webhook for its run {run}");
            if (webhooks.Distinct().Count() > 1) Fault($"sent different webhooks for its run {run}");
        }

        void Fault(string what) => _faults.Add($"{id} {what}; {state.Status} {state.Error?.Code} {state.Error?.Message}");

        static bool IsEndOf(string messageId, string id, int run) =>
            messageId.StartsWith($"msg_{id}_", StringComparison.Ordinal) && messageId.EndsWith($"_{run}", StringComparison.Ordinal);
    }

    private async Task AuditFilesAsync(JobSnapshot job, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = _runComfy.BaseUrl };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/requests/{job.State.Provider!.RequestId}/result");
        request.Headers.Authorization = new("Bearer", "audit");
        using var answer = await http.SendAsync(request, cancellationToken);
        var output = (await Scene.JsonOf(answer)).GetProperty("output");
        foreach (var file in job.State.Outputs)
        {
            var (key, number) = file.Name.Split('-') is [var list, var place] ? (list, int.Parse(place, CultureInfo.InvariantCulture) - 1) : (file.Name, -1);
            var url = number < 0 ? output.GetProperty(key) : output.GetProperty(key)[number];
            var wanted = await http.GetByteArrayAsync(new Uri(url.GetString()!), cancellationToken);
            if (!wanted.AsSpan().SequenceEqual(_store.Files[(job.Job.Id, file.Name)].Bytes)) _faults.Add($"{job.Job.Id} has a {file.Name} that is not the provider's");
        }
        if (job.State.Outputs.Count == 0) _faults.Add($"{job.Job.Id} succeeded without a file");
        if (_store.OpenSinks > 0) _faults.Add("A file is still being written.");
    }

    private IReadOnlyList<Simulator.Submission> PaidFor(JobSnapshot job) =>
        [.. _runComfy.Account.Accepted.Where(s => s.Input.GetProperty("prompt").GetString() == job.Job.Id)];

    private string Pick(params string[] among) => among[_random.Next(among.Length)];
}
