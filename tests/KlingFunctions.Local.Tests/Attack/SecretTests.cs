using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Journal;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// Jobs that succeed, fail, are in doubt, cancelled, resumed, redelivered or uploaded, with a marker in every secret. The markers are then
/// searched for where no secret belongs.
/// </summary>
public sealed class SecretTests
{
    private const string Token = "marked-token-Zx81";
    private const string Key = "marked-api-key-Hq44";
    private const string SigningSecret = "bWFya2VkLXNpZ25pbmctc2VjcmV0LTMxNDE1OTI2";
    private const string FormerSecret = "bWFya2VkLWZvcm1lci1zZWNyZXQtMjcxODI4MTg=";
    private const string WebhookQuery = "marked-webhook-Qm27";
    private const string SubscriptionQuery = "marked-subscription-Wk58";
    private const string ImageQuery = "marked-image-Tb63";
    private const string UserInfo = "marked-user-Rf95";

    // RunComfy's path for results. Links to them expire, and anyone with a link can fetch the file.
    private const string ResultLink = "/files/";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));
    private readonly ConcurrentQueue<string> _logs = [];
    private readonly ConcurrentQueue<string> _traces = [];
    private readonly ConcurrentQueue<string> _measures = [];
    private readonly ConcurrentQueue<string> _answers = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Secrets_appear_only_in_the_inputs_of_their_jobs()
    {
        using var listener = Listen();
        using var meters = Measure();
        await using var scene = await StartAsync();
        var host = (LocalHostUnderTest)scene.Host;
        await RunJobsAsync(scene);

        var signatures = scene.RunComfy.Account.Accepted
            .SelectMany(s => s.Input.GetProperty("image_urls").EnumerateArray()).Select(url => url.GetString()!)
            .Where(url => url.Contains("sig=", StringComparison.Ordinal)).Select(url => url.Split("sig=")[1]).ToList();
        Assert.NotEmpty(signatures);
        string[] never = [Token, Key, SigningSecret, FormerSecret, UserInfo, .. signatures, "sig="];
        string[] all = [.. never, WebhookQuery, SubscriptionQuery, ImageQuery, ResultLink];

        AssertHasNone(all, "log", _logs);
        // RunComfy is simulated in this process; traces of its routes are not the product's.
        AssertHasNone(all[..^1], "trace", _traces);
        AssertHasNone(all[..^1], "measure", _measures);
        AssertHasNone(all, "answer", _answers);
        AssertHasNone(all, "webhook", scene.Receiver.Received.Select(r => Encoding.UTF8.GetString(r.Body)));

        var journal = host.Services.GetRequiredService<JournalDatabase>();
        var rows = journal.Read(RowsOf);
        AssertHasNone([.. never, ResultLink], "row", rows.Select(r => r.Text));
        // A subscription consists of its URL. The input of a job contains its webhook, and that of a notification the job's images too.
        AssertHasNone([SubscriptionQuery], "row", rows.Where(r => !IsSubscription(r)).Select(r => $"{r.Place}: {r.Text}"));
        AssertHasNone([ImageQuery], "row", rows.Where(r => r.Place is not "instances.input").Select(r => $"{r.Place}: {r.Text}"));
        AssertHasNone([WebhookQuery], "row", rows.Where(r => r.Place is not "instances.input" || !IsOfAJob(r.Row)).Select(r => $"{r.Place}: {r.Text}"));

        // The journal's bytes contain deleted data too. No other file on the disk may contain a marker.
        foreach (var file in Directory.EnumerateFiles(host.Data, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) is not "journal.lock"))
        {
            var isOwners = Path.GetFileName(file) is "walk.json" or "bad.json";
            var isJournal = Path.GetFileName(file).StartsWith("journal.db", StringComparison.Ordinal);
            if (!isOwners) AssertHasNone(isJournal ? [.. never, ResultLink] : all, Path.GetFileName(file), [await BytesOfAsync(file)]);
        }

        // The search is only meaningful if it covered all these places.
        Assert.Contains(rows, r => r.Place is "instances.input" && r.Text.Contains(WebhookQuery, StringComparison.Ordinal));
        Assert.Contains(rows, r => IsSubscription(r) && r.Text.Contains(SubscriptionQuery, StringComparison.Ordinal));
        Assert.Contains(rows, r => r.Place is "documents.text" && r.Row.StartsWith("dead-letters/", StringComparison.Ordinal));
        Assert.Contains(rows, r => r.Place is "submissions.request_id" && r.Text.Length > 0);
        Assert.Contains(_answers, a => a.Contains("?redacted", StringComparison.Ordinal));
        Assert.Contains(_traces, t => t.StartsWith("System.Net.Http ", StringComparison.Ordinal));
        Assert.Contains(_measures, m => m.StartsWith("kling.jobs.ended", StringComparison.Ordinal));
        Assert.Contains(_logs, l => l.Contains("was accepted by RunComfy", StringComparison.Ordinal));
        Assert.Contains(_logs, l => l.StartsWith("Debug", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(host.Inbox, "bad.error.json")));
    }

    private static bool IsSubscription((string Place, string Row, string Text) r) =>
        r.Place is "documents.text" && r.Row.StartsWith("subscriptions/", StringComparison.Ordinal);

    private static bool IsOfAJob(string row) => row.StartsWith("vid_", StringComparison.Ordinal);

    private static void AssertHasNone(IEnumerable<string> marks, string place, IEnumerable<string> texts)
    {
        var found = from text in texts
                    from mark in marks
                    where text.Contains(mark, StringComparison.Ordinal)
                    select $"{mark} in a {place}: {text[..Math.Min(text.Length, 500)]}";
        Assert.Empty(found.Take(5));
    }

    private static List<(string Place, string Row, string Text)> RowsOf(Statements db)
    {
        var rows = new List<(string, string, string)>();
        foreach (var table in db.Query("SELECT name FROM sqlite_schema WHERE type = 'table'", r => r.GetString(0)))
        {
            db.Query($"SELECT * FROM {table}", r =>
            {
                for (var i = 0; i < r.FieldCount; i++) rows.Add(($"{table}.{r.GetName(i)}", $"{r.GetValue(0)}", $"{r.GetValue(i)}"));
                return 0;
            });
        }
        return rows;
    }

    private static async Task<string> BytesOfAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes, Cancel);
        return Encoding.Latin1.GetString(bytes);
    }

    private async Task<Scene> StartAsync()
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(1) }, _time, cancellationToken: Cancel);
        var settings = new Dictionary<string, string?>(Scene.SettingsFor(runComfy))
        {
            // The most detailed logging.
            ["Logging:LogLevel:Default"] = "Trace",
            ["Logging:LogLevel:Microsoft"] = "Trace",
            ["Logging:LogLevel:System"] = "Trace",
            ["RunComfy:ApiToken"] = Token,
            ["Local:ApiKey"] = Key,
            ["Webhooks:Secret"] = $"whsec_{SigningSecret}",
            ["Webhooks:PreviousSecret"] = $"whsec_{FormerSecret}",
            ["Webhooks:Schedule:0"] = "00:00:00",
            ["Webhooks:Schedule:1"] = "00:00:05",
        };
        return new(
            await LocalHostUnderTest.StartAsync(settings, _time, builder => builder.Logging.AddProvider(new Log(_logs))), runComfy, await WebhookReceiver.StartAsync());
    }

    private async Task RunJobsAsync(Scene scene)
    {
        var host = (LocalHostUnderTest)scene.Host;
        var hook = scene.Receiver.Url.Split('?')[0];
        scene.Receiver.Status = 503;
        foreach (var call in new[] { ApiCall.Status, ApiCall.Result, ApiCall.Download }) scene.RunComfy.Inject(new(call, FaultKind.ServerError));
        scene.RunComfy.Inject(new(ApiCall.Download, FaultKind.Truncated));
        await AskAsync(scene, "/api/subscriptions", new JsonObject
        {
            ["url"] = $"{hook}?key={SubscriptionQuery}",
            ["header"] = new JsonObject { ["name"] = "Authorization", ["value"] = $"Bearer {SubscriptionQuery}" },
        });

        // Succeeds, can't be delivered, and is redelivered.
        var undelivered = await SubmitAsync(scene, scene.Image("valley.webp"), $"{hook}?key={WebhookQuery}");
        await host.RunUntilAsync(undelivered, j => States(j).Count(s => s is "dead_letter") == 2);
        await AskAsync(scene, $"/api/videos/{undelivered}/redeliver", []);
        await host.RunUntilAsync(undelivered, j => States(j).All(s => s is "dead_letter"));

        // Fails before it is paid, and fails again after a resume.
        var broken = await SubmitAsync(scene, scene.Image("nowhere.png"), $"{hook}?key={WebhookQuery}");
        Assert.Equal("image_unreachable", await scene.FailureAsync(broken));
        await AskAsync(scene, $"/api/videos/{broken}/resume", []);
        await scene.FailureAsync(broken);

        // Fails at the provider, which quotes its input.
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with
        {
            FailsWith = $"{scene.Image("valley.webp")}?key={ImageQuery}&sig=abc was refused to {Token} by https://{UserInfo}:secret@example.com/x?sig=def",
        };
        var quoted = await SubmitAsync(scene, scene.Image("valley.webp"), null);
        Assert.Equal("provider_failed", await scene.FailureAsync(quoted));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { FailsWith = null };

        // Is in doubt, and resubmitted on request.
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped));
        var doubted = await SubmitAsync(scene, scene.Image("valley.webp"), null);
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(doubted));
        await AskAsync(scene, $"/api/videos/{doubted}/resume", new JsonObject { ["resubmit"] = true });
        await scene.EndAsync(doubted);

        // A token that expires, and one that was never valid.
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = ["another"] };
        var refused = await SubmitAsync(scene, scene.Image("valley.webp"), null);
        Assert.Equal("provider_auth", await scene.FailureAsync(refused));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = [] };

        // Is cancelled.
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { QueueTime = TimeSpan.FromHours(1) };
        var cancelled = await SubmitAsync(scene, scene.Image("valley.webp"), $"{hook}?key={WebhookQuery}");
        await scene.UntilAsync(cancelled, "in_queue");
        await AskAsync(scene, $"/api/videos/{cancelled}/cancel", []);
        await scene.EndAsync(cancelled);
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { QueueTime = TimeSpan.Zero };

        // Uploads: one with a linked image, and a bad one.
        Directory.CreateDirectory(host.Inbox);
        using (var http = new HttpClient())
        {
            await File.WriteAllBytesAsync(Path.Combine(host.Inbox, "robot.png"), await http.GetByteArrayAsync(new Uri(scene.Image("robot-front.png")), Cancel), Cancel);
        }
        await File.WriteAllTextAsync(Path.Combine(host.Inbox, "walk.json"), """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""", Cancel);
        await File.WriteAllTextAsync(
            Path.Combine(host.Inbox, "bad.json"),
            $$"""{"prompt": "@Image1", "image_urls": ["https://{{UserInfo}}:{{Token}}@example.com/a.png?sig={{ImageQuery}}"], "webhook_url": "ftp://x/?{{WebhookQuery}}"}""", Cancel);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(100, Cancel);
        }
        string uploaded;
        do
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(20, Cancel);
            var page = await AskAsync(scene, "/api/videos?limit=100");
            string[] known = [undelivered, broken, quoted, doubted, refused, cancelled];
            uploaded = page.GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!).FirstOrDefault(id => !known.Contains(id)) ?? "";
        }
        while (uploaded.Length == 0 || !File.Exists(Path.Combine(host.Inbox, "bad.error.json")));
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(uploaded)));

        // Refused values are not quoted either.
        await AskAsync(scene, "/api/videos", Body($"https://{UserInfo}:x@example.com/a.png", $"https://{UserInfo}@example.com/?{WebhookQuery}"));
        await AskAsync(scene, "/api/videos/validate", Body($"ftp://example.com/a.png?{ImageQuery}", $"nonsense {WebhookQuery}"));
        await AskAsync(scene, "/api/videos/validate", Body($"{scene.Image("nowhere.png")}?{ImageQuery}", null));
        await AskAsync(scene, "/api/subscriptions", new JsonObject { ["url"] = $"https://{UserInfo}@example.com/?{SubscriptionQuery}" });
        foreach (var id in new[] { undelivered, broken, quoted, doubted, refused, cancelled, uploaded })
        {
            foreach (var path in new[] { "", "/operation", "/content" }) await AskAsync(scene, $"/api/videos/{id}{path}");
            foreach (var deed in new[] { "cancel", "resume", "redeliver" })
            {
                if (id != refused) await AskAsync(scene, $"/api/videos/{id}/{deed}", []);
            }
        }
        using var stranger = new HttpClient { BaseAddress = scene.Http.BaseAddress };
        stranger.DefaultRequestHeaders.Add("x-functions-key", Key + "x");
        using var shut = await stranger.GetAsync(new Uri($"/api/videos?code={Key}", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, shut.StatusCode);
        _answers.Enqueue($"{shut.Headers} {await shut.Content.ReadAsStringAsync(Cancel)}");
        await host.RunToRestAsync();
    }

    private static IEnumerable<string> States(JsonElement job) => job.GetProperty("notifications").EnumerateArray().Select(n => n.GetProperty("state").GetString()!);

    private static JsonObject Body(string image, string? webhook)
    {
        var request = new JsonObject { ["prompt"] = "@Image1 at dawn", ["image_urls"] = new JsonArray(image) };
        if (webhook is not null)
        {
            request["webhook_url"] = webhook;
            request["webhook_header"] = new JsonObject { ["name"] = "Authorization", ["value"] = $"Bearer {WebhookQuery}" };
        }
        return request;
    }

    private async Task<string> SubmitAsync(Scene scene, string image, string? webhook) =>
        (await AskAsync(scene, "/api/videos", Body($"{image}?key={ImageQuery}", webhook))).GetProperty("id").GetString()!;

    /// <summary>Calls the host, and keeps its answer with all headers except the signed link, which is checked too.</summary>
    private async Task<JsonElement> AskAsync(Scene scene, string path, JsonObject? body = null)
    {
        using var answer = body is null ? await scene.Http.GetAsync(new Uri(path, UriKind.Relative), Cancel) : await scene.PostAsync(path, body.Count > 0 ? body : null);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.StatusCode < HttpStatusCode.InternalServerError, text);
        if (answer.Headers.Location is { } link && link.AbsolutePath.StartsWith("/api/signed/operations/", StringComparison.Ordinal))
        {
            using var bare = new HttpClient();
            using var opened = await bare.GetAsync(link, Cancel);
            Assert.NotEqual(HttpStatusCode.Unauthorized, opened.StatusCode);
        }
        answer.Headers.Location = null;
        _answers.Enqueue($"{answer.Headers} {answer.Content.Headers} {text}");
        return answer.Content.Headers.ContentType?.MediaType is "video/mp4" || text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    private ActivityListener Listen()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => _traces.Enqueue(TextOf(activity)),
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    private MeterListener Measure()
    {
        var listener = new MeterListener { InstrumentPublished = (instrument, own) => own.EnableMeasurementEvents(instrument) };
        listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Measured(i, value, tags));
        listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Measured(i, value, tags));
        listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Measured(i, value, tags));
        listener.Start();
        return listener;

        void Measured(Instrument instrument, object value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            _measures.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{instrument.Name} {value} {string.Join(' ', tags.ToArray())}"));
    }

    private static string TextOf(Activity activity)
    {
        var tags = activity.TagObjects.Concat(activity.Events.SelectMany(e => e.Tags)).Select(t => $"{t.Key}={t.Value}");
        var names = activity.Events.Select(e => e.Name).Concat(activity.Baggage.Select(b => $"{b.Key}={b.Value}"));
        return $"{activity.Source.Name} {activity.DisplayName} {activity.StatusDescription} {string.Join(' ', tags.Concat(names))}";
    }

    /// <summary>Keeps every log line with its scopes and its exception.</summary>
    private sealed class Log(ConcurrentQueue<string> lines) : ILoggerProvider, ISupportExternalScope
    {
        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public void Dispose()
        {
        }

        private sealed class Logger(Log log, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => log._scopes.Push(state);

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                var line = new StringBuilder($"{logLevel} {category} {formatter(state, exception)} {Values(state)} {exception}");
                log._scopes.ForEachScope((scope, to) => to.Append(CultureInfo.InvariantCulture, $" => {scope} {Values(scope)}"), line);
                log.Lines.Enqueue(line.ToString());
            }

            private static string Values(object? state) => state is IEnumerable<KeyValuePair<string, object?>> values ? string.Join(' ', values) : "";
        }

        private ConcurrentQueue<string> Lines => lines;
    }
}
