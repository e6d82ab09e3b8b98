using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Simulator;
using Spectre.Console;

namespace KlingFunctions.Local.Demo;

/// <summary>
/// One job, from its request to its video and its webhook. The host is that of <c>serve</c>, with the demo's settings, beside a simulated
/// RunComfy and a receiver. Nothing is staged: each state shown was read from the journal, and each claim was checked.
/// </summary>
internal sealed class DemoRun(Terminal terminal, string data)
{
    private const string Prompt = "@Element1 walks through @Image1 at dawn and waves, soft light";
    private const int JobsAhead = 2;

    private static readonly TimeSpan WebhookTimeLimit = TimeSpan.FromSeconds(20);

    // RunComfy runs one request at a time, and other customers are first: the demo's job has to queue.
    private static readonly Behaviour OneSlot = new() { Slots = 1, QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(2.5) };

    private static readonly JobStatus[] ExpectedStates =
    [
        JobStatus.Accepted, JobStatus.Validating, JobStatus.Submitting, JobStatus.InQueue, JobStatus.InProgress, JobStatus.Storing, JobStatus.Succeeded,
    ];

    private readonly IAnsiConsole _out = terminal.Out;

    /// <summary>Runs the demo; returns the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var began = terminal.Time.GetUtcNow();
        var (token, key, secret) = (NewSecret(), NewSecret(), WebhookSecret.Create());
        await using var runComfy = await SimulatorHost.StartAsync(OneSlot, terminal.Time, cancellationToken: cancellationToken);
        await using var receiver = await DemoReceiver.StartAsync(secret, terminal.Time, cancellationToken);
        await using var host = BuildHost(runComfy, token, key, secret);
        await host.StartAsync(cancellationToken);
        try
        {
            var url = host.Services.GetRequiredService<ListenAddress>().Value;
            Introduce(url, runComfy, receiver);
            var otherJobs = await SubmitOtherJobsAsync(runComfy, cancellationToken);
            using var deployment = new Deployment(url, key, terminal.Time);
            var (id, seen) = await FollowAsync(deployment, host, Request(runComfy, receiver), cancellationToken);
            var checks = await CheckAsync(id, seen, deployment, host, runComfy, otherJobs, receiver, cancellationToken);
            return Conclude(checks, began);
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    private WebApplication BuildHost(SimulatorHost runComfy, string token, string key, string secret)
    {
        var settings = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["Local:DataDirectory"] = data,
            ["Local:ApiKey"] = key,
            ["RunComfy:BaseUrl"] = runComfy.BaseUrl.AbsoluteUri,
            ["RunComfy:ApiToken"] = token,
            ["Network:AllowLoopback"] = "true",
            ["Webhooks:Secret"] = secret,
            ["Pipeline:PollMin"] = "00:00:00.25",
            ["Pipeline:PollMax"] = "00:00:00.5",
        };
        return LocalHost.Build(settings, builder =>
        {
            // Environment variables for the real RunComfy, keys and stores do not apply to the demo.
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(settings);
            builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning).AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace)
                // The reason of a failed start is printed by the command line, as one sentence.
                .AddFilter(LocalHost.HostLog, LogLevel.None);
        });
    }

    private void Introduce(string url, SimulatorHost runComfy, DemoReceiver receiver)
    {
        _out.MarkupLine("[bold]KlingFunctions: one job from start to end[/]");
        _out.Say("A prompt and three images become a video in your own storage, and a signed");
        _out.Say("webhook says so. RunComfy is simulated on this machine: a prepared clip stands");
        _out.Say("in for a generated one, and nothing is paid.");
        _out.Say();
        _out.Facts(
        [
            ("Host", $"{url}, the one that 'serve' runs"),
            ("RunComfy", $"{runComfy.BaseUrl.GetLeftPart(UriPartial.Authority)}, simulated; {JobsAhead} jobs of others are ahead of ours"),
            ("Receiver", $"{receiver.Url}, accepts only signed webhooks"),
            ("Data", data),
            ("Prompt", Prompt),
            ("Price", "simulated, nothing is paid"),
            ("Images", "@Element1 robot-front.png, robot-side.jpg; @Image1 valley.webp"),
        ]);
        _out.Say();
    }

    private static JsonObject Request(SimulatorHost runComfy, DemoReceiver? receiver)
    {
        string Image(string name) => new Uri(runComfy.BaseUrl, $"/simulator/images/{name}").AbsoluteUri;
        var request = new JsonObject
        {
            ["prompt"] = Prompt,
            ["elements"] = new JsonArray(new JsonObject
            {
                ["frontal_image_url"] = Image("robot-front.png"),
                ["reference_image_urls"] = new JsonArray(Image("robot-side.jpg")),
            }),
            ["image_urls"] = new JsonArray(Image("valley.webp")),
        };
        if (receiver is not null) request["webhook_url"] = receiver.Url;
        return request;
    }

    /// <summary>Submits jobs of other customers directly to RunComfy; returns their request ids.</summary>
    private static async Task<List<string>> SubmitOtherJobsAsync(SimulatorHost runComfy, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", NewSecret()) } };
        var ids = new List<string>();
        for (var i = 0; i < JobsAhead; i++)
        {
            using var answer = await http.PostAsJsonAsync(
                new Uri(runComfy.BaseUrl, $"/v1/models/{new Pipeline.RunComfy.RunComfyOptions().Model}"), Request(runComfy, null),
                PipelineJson.Default.JsonObject, cancellationToken);
            answer.EnsureSuccessStatusCode();
            ids.Add(JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken))!["request_id"]!.GetValue<string>());
        }
        return ids;
    }

    /// <summary>Submits the request over HTTP, as any client does, and shows each state of its job.</summary>
    private async Task<(string Id, IReadOnlyList<JobMoment> Seen)> FollowAsync(
        Deployment deployment, WebApplication host, JsonObject request, CancellationToken cancellationToken)
    {
        using var feed = new JournalFeed(host.Services.GetRequiredService<InstanceStore>(), terminal.Time);
        var body = System.Text.Encoding.UTF8.GetBytes(request.ToJsonString());
        var answer = await deployment.PostAsync("/api/videos", body, cancellationToken, Guid.NewGuid().ToString());
        var job = answer.As<VideoResource>();
        return (job.Id, await new JobProgress(_out, terminal.Time, job.CreatedAt).ShowAsync(MomentsAsync(cancellationToken), cancellationToken));

        async IAsyncEnumerable<JobMoment> MomentsAsync([EnumeratorCancellation] CancellationToken cancelled)
        {
            yield return new(job.Status, job.UpdatedAt);
            await foreach (var moment in feed.OfAsync(job.Id, cancelled)) yield return moment;
        }
    }

    /// <summary>Checks the results, through the HTTP API where possible.</summary>
    private async Task<List<Check>> CheckAsync(
        string id, IReadOnlyList<JobMoment> seen, Deployment deployment, WebApplication host, SimulatorHost runComfy, List<string> otherJobs,
        DemoReceiver receiver, CancellationToken cancellationToken)
    {
        var states = seen.Select(m => m.Status).Distinct().ToList();
        var job = (await deployment.GetAsync($"/api/videos/{id}", cancellationToken)).As<VideoResource>();
        var checks = new List<Check>
        {
            new("States", $"all {ExpectedStates.Length}, in order", states.SequenceEqual(ExpectedStates) ? null
                : $"The job should have been {Words(ExpectedStates)}; it was {Words(states)}. {job.Error?.Message}"),
        };
        if (job.Video is { } video)
        {
            var stored = await host.Services.GetRequiredService<IVideoStore>().LocateAsync(id, video.Name, cancellationToken);
            var bytes = await File.ReadAllBytesAsync(stored!.Path!, cancellationToken);
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
            checks.Add(new("Video", Path.GetFullPath(stored.Path!), null));
            checks.Add(new("Size", JobText.Bytes(bytes.Length), bytes.Length == video.SizeBytes ? null
                : $"The file has {bytes.Length} bytes, and the host says {video.SizeBytes}."));
            checks.Add(new("SHA-256", $"{sha256}, computed again from the file", sha256 == video.Sha256 ? null
                : $"The file's SHA-256 is {sha256}, and the host says {video.Sha256}."));
        }
        checks.Add(await CheckWebhookAsync(id, receiver, cancellationToken));

        var paid = runComfy.Account.Accepted.Where(s => !otherJobs.Contains(s.RequestId)).ToList();
        checks.Add(new("Paid", string.Create(CultureInfo.InvariantCulture, $"1 submission, of {paid.FirstOrDefault()?.PriceUsd} simulated dollars"),
            paid.Count == 1 && paid[0].RequestId == job.Provider?.RequestId ? null
            : $"The simulated RunComfy accepted {paid.Count} submissions of ours: it should have been one."));
        return checks;
    }

    private async Task<Check> CheckWebhookAsync(string id, DemoReceiver receiver, CancellationToken cancellationToken)
    {
        try
        {
            var webhook = await receiver.First.WaitAsync(WebhookTimeLimit, terminal.Time, cancellationToken);
            return new("Webhook", $"{webhook.Body.Type} received, webhook-id {webhook.Id}, signature verifies",
                webhook.Body.Type == EventTypes.Of(JobStatus.Succeeded) && webhook.Body.Data.Id == id ? null
                : $"The webhook says {webhook.Body.Type} of {webhook.Body.Data.Id}: it should be {EventTypes.Of(JobStatus.Succeeded)} of {id}.");
        }
        catch (TimeoutException)
        {
            return new("Webhook", "", receiver.Refused > 0
                ? $"{receiver.Refused} webhooks came, and none with a signature that verifies."
                : $"No webhook came within {WebhookTimeLimit.TotalSeconds} seconds.");
        }
    }

    private int Conclude(List<Check> checks, DateTimeOffset began)
    {
        _out.Say();
        _out.Facts([.. checks.Where(c => c.Fault is null).Select(c => (c.Name, c.Finding)), ("Took", Elapsed.Of(terminal.Time.GetUtcNow() - began))]);
        _out.Say();
        if (checks.Where(c => c.Fault is not null).ToList() is { Count: > 0 } faults)
        {
            foreach (var fault in faults) terminal.Error.Say($"The demo failed at '{fault.Name}': {fault.Fault}");
            return ExitCodes.Failed;
        }
        _out.MarkupLine("[bold]What to do next[/]");
        var hints = new Hints(terminal.Program);
        _out.Facts(
        [
            ("Play with it, free", hints.For("serve --simulate")),
            ("For real", hints.For("serve")),
            ("", "with your token in the environment variable RunComfy__ApiToken"),
        ]);
        return ExitCodes.Success;
    }

    private static string Words(IEnumerable<JobStatus> states) => string.Join(", ", states.Select(JsonWord.Of));

    private static string NewSecret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>One claim of the demo.</summary>
    /// <param name="Name">The subject of the claim.</param>
    /// <param name="Finding">The result of the check.</param>
    /// <param name="Fault">Why the claim is wrong; null if it is right.</param>
    private sealed record Check(string Name, string Finding, string? Fault);
}
