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
/// One job, from its request to its video and its webhook. The host is the one that <c>serve</c> runs, with settings of its own; beside it
/// run a simulated RunComfy and a receiver. Nothing is staged: what is shown was written to the journal, what is claimed was checked.
/// </summary>
internal sealed class DemoRun(Terminal terminal, string data)
{
    private const string Prompt = "@Element1 walks through @Image1 at dawn and waves, soft light";
    private const int StrangersAhead = 2;

    private static readonly TimeSpan WebhookPatience = TimeSpan.FromSeconds(20);

    // One slot, taken by strangers: our job has to queue.
    private static readonly Behaviour OneSlot = new() { Slots = 1, QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(2.5) };

    private static readonly JobStatus[] Way =
    [
        JobStatus.Accepted, JobStatus.Validating, JobStatus.Submitting, JobStatus.InQueue, JobStatus.InProgress, JobStatus.Storing, JobStatus.Succeeded,
    ];

    private readonly IAnsiConsole _out = terminal.Out;

    /// <summary>Runs the demo; the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var began = terminal.Time.GetUtcNow();
        var (token, key, secret) = (NewSecret(), NewSecret(), WebhookSecret.Create());
        await using var runComfy = await SimulatorHost.StartAsync(OneSlot, terminal.Time, ct: cancel);
        await using var receiver = await DemoReceiver.StartAsync(secret, terminal.Time, cancel);
        await using var host = BuildHost(runComfy, token, key, secret);
        await host.StartAsync(cancel);
        try
        {
            var url = host.Services.GetRequiredService<HostAddress>().Value;
            Introduce(url, runComfy, receiver);
            var strangers = await SendStrangersAsync(runComfy, cancel);
            using var deployment = new Deployment(url, key, terminal.Time);
            var (id, seen) = await FollowAsync(deployment, host, Request(runComfy, receiver), cancel);
            var checks = await CheckAsync(id, seen, deployment, host, runComfy, strangers, receiver, cancel);
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
            // What this machine's environment says of the real RunComfy, of keys and of stores is not the demo's business.
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(settings);
            builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning).AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        });
    }

    private void Introduce(string url, SimulatorHost runComfy, DemoReceiver receiver)
    {
        _out.MarkupLine("[bold]KlingFunctions: the whole way of one job[/]");
        _out.Say("A prompt and three images become a video in your own storage, and a signed");
        _out.Say("webhook says so. RunComfy is simulated on this machine: a prepared clip stands");
        _out.Say("in for a generated one, and nothing is paid.");
        _out.Say();
        _out.Facts(
        [
            ("Host", $"{url}, the one that 'serve' runs"),
            ("RunComfy", $"{runComfy.BaseUrl.GetLeftPart(UriPartial.Authority)}, simulated; {StrangersAhead} jobs of others are ahead of ours"),
            ("Receiver", $"{receiver.Url}, believes signed webhooks only"),
            ("Data", data),
            ("Prompt", Prompt),
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

    /// <summary>Jobs of other customers of the same provider, who go straight to it; RunComfy's ids of them.</summary>
    private static async Task<List<string>> SendStrangersAsync(SimulatorHost runComfy, CancellationToken cancel)
    {
        using var http = new HttpClient { DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", NewSecret()) } };
        var ids = new List<string>();
        for (var i = 0; i < StrangersAhead; i++)
        {
            using var answer = await http.PostAsJsonAsync(
                new Uri(runComfy.BaseUrl, $"/v1/models/{new Pipeline.RunComfy.RunComfyOptions().Model}"), Request(runComfy, null),
                PipelineJson.Default.JsonObject, cancel);
            answer.EnsureSuccessStatusCode();
            ids.Add(JsonNode.Parse(await answer.Content.ReadAsByteArrayAsync(cancel))!["request_id"]!.GetValue<string>());
        }
        return ids;
    }

    /// <summary>Hands the request in by HTTP, as any client does, and shows each state of its job.</summary>
    private async Task<(string Id, IReadOnlyList<JobMoment> Seen)> FollowAsync(
        Deployment deployment, WebApplication host, JsonObject request, CancellationToken cancel)
    {
        using var feed = new JournalFeed(host.Services.GetRequiredService<InstanceStore>(), terminal.Time);
        var body = System.Text.Encoding.UTF8.GetBytes(request.ToJsonString());
        var answer = await deployment.PostAsync("/api/videos", body, cancel, Guid.NewGuid().ToString());
        var job = answer.As<VideoResource>();
        return (job.Id, await new JobProgress(_out, terminal.Time, job.CreatedAt).ShowAsync(MomentsAsync(cancel), cancel));

        async IAsyncEnumerable<JobMoment> MomentsAsync([EnumeratorCancellation] CancellationToken cancelled)
        {
            yield return new(job.Status, job.UpdatedAt);
            await foreach (var moment in feed.OfAsync(job.Id, cancelled)) yield return moment;
        }
    }

    /// <summary>Looks at what came out, from the outside where there is one.</summary>
    private async Task<List<Check>> CheckAsync(
        string id, IReadOnlyList<JobMoment> seen, Deployment deployment, WebApplication host, SimulatorHost runComfy, List<string> strangers,
        DemoReceiver receiver, CancellationToken cancel)
    {
        var way = seen.Select(m => m.Status).Distinct().ToList();
        var job = (await deployment.GetAsync($"/api/videos/{id}", cancel)).As<VideoResource>();
        var checks = new List<Check>
        {
            new("States", $"all {Way.Length}, in order", way.SequenceEqual(Way) ? null
                : $"The job should have been {Words(Way)}; it was {Words(way)}. {job.Error?.Message}"),
        };
        if (job.Video is { } video)
        {
            var stored = await host.Services.GetRequiredService<IVideoStore>().LocateAsync(id, video.Name, cancel);
            var bytes = await File.ReadAllBytesAsync(stored!.Path!, cancel);
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
            checks.Add(new("Video", Path.GetFullPath(stored.Path!), null));
            checks.Add(new("Size", JobText.Bytes(bytes.Length), bytes.Length == video.SizeBytes ? null
                : $"The file has {bytes.Length} bytes, and the host says {video.SizeBytes}."));
            checks.Add(new("SHA-256", $"{sha256}, computed again from the file", sha256 == video.Sha256 ? null
                : $"The file's SHA-256 is {sha256}, and the host says {video.Sha256}."));
        }
        checks.Add(await CheckWebhookAsync(id, receiver, cancel));

        var paid = runComfy.Account.Accepted.Where(s => !strangers.Contains(s.RequestId)).ToList();
        checks.Add(new("Paid", string.Create(CultureInfo.InvariantCulture, $"1 submission, of {paid.FirstOrDefault()?.PriceUsd} simulated dollars"),
            paid.Count == 1 && paid[0].RequestId == job.Provider?.RequestId ? null
            : $"The simulated RunComfy accepted {paid.Count} submissions of ours: it should have been one."));
        return checks;
    }

    private async Task<Check> CheckWebhookAsync(string id, DemoReceiver receiver, CancellationToken cancel)
    {
        try
        {
            var webhook = await receiver.First.WaitAsync(WebhookPatience, terminal.Time, cancel);
            return new("Webhook", $"{webhook.Body.Type} received, webhook-id {webhook.Id}, signature verifies",
                webhook.Body.Type == EventTypes.Of(JobStatus.Succeeded) && webhook.Body.Data.Id == id ? null
                : $"The webhook says {webhook.Body.Type} of {webhook.Body.Data.Id}: it should be {EventTypes.Of(JobStatus.Succeeded)} of {id}.");
        }
        catch (TimeoutException)
        {
            return new("Webhook", "", receiver.Refused > 0
                ? $"{receiver.Refused} webhooks came, and none with a signature that verifies."
                : $"No webhook came within {WebhookPatience.TotalSeconds} seconds.");
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
        const string Run = "dotnet run --project src/KlingFunctions";
        _out.Facts(
        [
            ("Play with it, free", $"{Run}.Local -- serve --simulate"),
            ("For real", $"{Run}.Local -- serve"),
            ("", "with your token in the environment variable RunComfy__ApiToken"),
            ("Run the tests", "dotnet test -c Release"),
        ]);
        return ExitCodes.Success;
    }

    private static string Words(IEnumerable<JobStatus> way) => string.Join(", ", way.Select(JsonWord.Of));

    private static string NewSecret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>One thing that the demo claims.</summary>
    /// <param name="Name">What it is about.</param>
    /// <param name="Finding">What was found.</param>
    /// <param name="Fault">Why that is not as it should be; null if it is.</param>
    private sealed record Check(string Name, string Finding, string? Fault);
}
