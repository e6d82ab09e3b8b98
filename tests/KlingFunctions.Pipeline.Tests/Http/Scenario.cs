using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Tests.RunComfy;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>A call, and the status of its answer.</summary>
internal sealed class Scenario(HttpMethod method, string route, HttpStatusCode status, string when, Func<TestApp, Task<HttpResponseMessage>> call)
{
    private const string Prompt = """{"prompt":"a fox","metadata":{"order":7},"webhook_url":"https://hooks.example.com/kling?token=abc"}""";
    private const string Webhook = """{"url":"https://hooks.example.com/kling?token=abc","events":["video.failed"]}""";

    private static readonly byte[] Bytes = Encoding.UTF8.GetBytes("not really a video");
    private static readonly StoredFile File = new("video", "video", "video/mp4", Bytes.Length, new string('a', 64));
    private static readonly ProviderState Provider = new("req-1", "in_queue", 3);

    private static readonly JobState Succeeded = SampleJobs.Ended(SampleJobs.New(), JobStatus.Succeeded, provider: Provider with { QueuePosition = null }).State with
    {
        Outputs = [File, File with { Name = "image", Kind = "image", ContentType = "image/png" }],
        Receivers = [new("webhook", "hooks.example.com", "ntf_1")],
    };

    private static readonly NotificationState[] Notifications =
    [
        new("ntf_1", "hooks.example.com", DeliveryState.Delivered, 1),
        new("ntf_2", "hooks.example.com", DeliveryState.Pending, 2, SampleJobs.CreatedAt.AddHours(1), "The receiver answered HTTP 500."),
        new("ntf_3", "hooks.example.com", DeliveryState.DeadLetter, 10, Reason: "The receiver answered HTTP 500."),
        new("ntf_4", "hooks.example.com", DeliveryState.Gone, 1, Reason: "The subscription was deleted."),
    ];

    public static IReadOnlyList<Scenario> All { get; } = [.. Create()];

    public HttpMethod Method => method;

    public string Route => route;

    public HttpStatusCode Status => status;

    public string Name => $"{method} {route} is {(int)status} {when}";

    public async Task<HttpResponseMessage> RunAsync(TestApp app) => await call(app);

    /// <summary>The settings for the call.</summary>
    public (string, string?)[] Settings { get; private init; } = [];

    /// <summary>The provider's answers.</summary>
    public StubHandler? RunComfy { get; private init; }

    private static IEnumerable<Scenario> Create()
    {
        const string videos = "/api/videos", one = "/api/videos/{id}", subscriptions = "/api/subscriptions";
        yield return Post(videos, HttpStatusCode.Accepted, "for a good request", app => PostAsync(app, videos, Prompt));
        yield return Post(videos, HttpStatusCode.Accepted, "for the same request again", async app =>
        {
            (await PostAsync(app, videos, Prompt, "k")).Dispose();
            return await PostAsync(app, videos, Prompt, "k");
        });
        yield return Post(videos, HttpStatusCode.BadRequest, "for a request with faults", app => PostAsync(app, videos, """{"prompt":"@Image1","seed":1}"""));
        yield return Post(videos, HttpStatusCode.BadRequest, "for broken JSON", app => PostAsync(app, videos, "{"));
        yield return Post(videos, HttpStatusCode.BadRequest, "for too long a key", app => PostAsync(app, videos, Prompt, new string('k', 256)));
        yield return Post(videos, HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, videos, Large()));
        yield return Post(videos, HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, videos, Prompt, type: "text/plain"));
        yield return Post(videos, HttpStatusCode.UnprocessableEntity, "for another request under the same key", async app =>
        {
            (await PostAsync(app, videos, Prompt, "k")).Dispose();
            return await PostAsync(app, videos, """{"prompt":"a bear"}""", "k");
        });
        yield return new(HttpMethod.Post, videos, HttpStatusCode.TooManyRequests, "when the day is full", async app =>
        {
            (await PostAsync(app, videos, Prompt)).Dispose();
            return await PostAsync(app, videos, Prompt);
        })
        { Settings = [("Pipeline:MaxJobsPerDay", "1")] };

        yield return Get(videos, HttpStatusCode.OK, "for a first page", async app =>
        {
            for (var i = 0; i < 3; i++) app.Jobs.Put(Ended($"vid_{i}"));
            return await GetAsync(app, "/api/videos?limit=2&status=succeeded");
        });
        yield return Get(videos, HttpStatusCode.OK, "when there is nothing", app => GetAsync(app, videos));
        yield return Get(videos, HttpStatusCode.BadRequest, "for a bad query", app => GetAsync(app, "/api/videos?limit=0&status=done"));
        yield return Get(videos, HttpStatusCode.BadRequest, "for a foreign cursor", app => GetAsync(app, "/api/videos?cursor=x"));

        yield return Post("/api/videos/validate", HttpStatusCode.OK, "for a good request", app => PostAsync(app, "/api/videos/validate", Prompt));
        yield return Post("/api/videos/validate", HttpStatusCode.BadRequest, "for an image that is not there",
            app => PostAsync(app, "/api/videos/validate", """{"prompt":"@Image1","image_urls":["http://127.0.0.1:9/a.png"]}"""));
        yield return Post("/api/videos/validate", HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, "/api/videos/validate", Large()));
        yield return Post("/api/videos/validate", HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, "/api/videos/validate", Prompt, type: "text/plain"));

        const string batch = "/api/videos/batch", batches = "/api/batches/{id}", two = "{\"prompt\":\"a fox\"}\n{\"prompt\":\"\"}\n";
        yield return Post(batch, HttpStatusCode.Accepted, "for lines of which one is bad", app => PostAsync(app, batch, two, type: "application/x-ndjson"));
        yield return Post(batch, HttpStatusCode.Accepted, "for an array", app => PostAsync(app, batch, $"[{Prompt}]", "k"));
        yield return new(HttpMethod.Post, batch, HttpStatusCode.Accepted, "when the day has not room for all", app => PostAsync(app, batch, $"[{Prompt},{Prompt}]"))
        { Settings = [("Pipeline:MaxJobsPerDay", "1")] };
        yield return Post(batch, HttpStatusCode.BadRequest, "for nothing", app => PostAsync(app, batch, "[]"));
        yield return Post(batch, HttpStatusCode.BadRequest, "for too long a key", app => PostAsync(app, batch, two, new string('k', 256)));
        yield return Post(batch, HttpStatusCode.BadRequest, "for too many", app => PostAsync(app, batch, string.Concat(Enumerable.Repeat(two, 501))));
        yield return Post(batch, HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, batch, new string(' ', BatchBody.MaxBytes + 1)));
        yield return Post(batch, HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, batch, two, type: "text/plain"));
        yield return Post(batch, HttpStatusCode.UnprocessableEntity, "for other requests under the same key", async app =>
        {
            (await PostAsync(app, batch, two, "k")).Dispose();
            return await PostAsync(app, batch, $"[{Prompt}]", "k");
        });
        yield return Get(batches, HttpStatusCode.OK, "for one that is there", app => BatchAsync(app, GetAsync));
        yield return Get(batches, HttpStatusCode.NotModified, "for what is known", app => BatchAsync(app, (app, path, _) => AgainAsync(app, path)));
        yield return Get(batches, HttpStatusCode.NotFound, "for none", app => GetAsync(app, "/api/batches/bat_x"));

        foreach (var action in new[] { "/api/videos/cancel", "/api/videos/resume", "/api/videos/redeliver" })
        {
            yield return Post(action, HttpStatusCode.OK, "for jobs of which one is not there", app =>
            {
                Running(app, JobStatus.InQueue);
                app.Jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_2"), JobStatus.Failed, new(ErrorCodes.ProviderTimeout, "No."), Provider));
                return PostAsync(app, action, """{"ids":["vid_1","vid_2","vid_9"]}""");
            });
            yield return Post(action, HttpStatusCode.OK, "for a filter", app =>
            {
                app.Jobs.Put(Ended());
                return PostAsync(app, action, """{"status":"succeeded","created_after":"2026-01-01"}""");
            });
            yield return Post(action, HttpStatusCode.BadRequest, "for no filter at all", app => PostAsync(app, action, "{}"));
            yield return Post(action, HttpStatusCode.BadRequest, "for an unknown filter", app => PostAsync(app, action, """{"state":"failed"}"""));
            yield return Post(action, HttpStatusCode.BadRequest, "for ids and a filter", app => PostAsync(app, action, """{"ids":["vid_1"],"status":"failed"}"""));
            yield return Post(action, HttpStatusCode.BadRequest, "for a foreign cursor", app => PostAsync(app, action, """{"status":"failed","cursor":"x"}"""));
            yield return Post(action, HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, action, Large()));
            yield return Post(action, HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, action, """{"status":"failed"}""", type: "text/plain"));
        }

        foreach (var running in Enum.GetValues<JobStatus>().TakeWhile(s => s < JobStatus.Succeeded))
            yield return Get(one, HttpStatusCode.OK, $"for a job that is {running}", app => GetAsync(app, Running(app, running)));
        yield return Get(one, HttpStatusCode.OK, "for a job that succeeded", app => GetAsync(app, Put(app, Ended())));
        yield return Get(one, HttpStatusCode.OK, "for a job that failed", app => GetAsync(app, Put(app, Failed())));
        yield return Get(one, HttpStatusCode.NotFound, "for none", app => GetAsync(app, "/api/videos/x"));

        yield return Get(one + "/operation", HttpStatusCode.Accepted, "for a job that runs", app => GetAsync(app, Running(app, JobStatus.InQueue) + "/operation"));
        yield return Get(one + "/operation", HttpStatusCode.OK, "for a job that succeeded", app => GetAsync(app, Put(app, Ended()) + "/operation"));
        yield return Get(one + "/operation", HttpStatusCode.UnprocessableEntity, "for a job that failed", app => GetAsync(app, Put(app, Failed()) + "/operation"));
        yield return Get(one + "/operation", HttpStatusCode.Conflict, "for a job that was cancelled", app => GetAsync(app, Put(app, Cancelled()) + "/operation"));
        yield return Get(one + "/operation", HttpStatusCode.NotFound, "for none", app => GetAsync(app, "/api/videos/x/operation"));

        const string assets = "/api/assets";
        yield return Post(assets, HttpStatusCode.Created, "for an image", app => ImageAsync(app, Picture.File("picture.png")));
        yield return Post(assets, HttpStatusCode.OK, "for the same image again", async app =>
        {
            (await ImageAsync(app, Picture.File("picture.png"))).Dispose();
            return await ImageAsync(app, Picture.File("picture.png"), "application/octet-stream");
        });
        yield return Post(assets, HttpStatusCode.BadRequest, "for half an image", app => ImageAsync(app, Picture.File("picture.png")[..200]));
        yield return Post(assets, HttpStatusCode.BadRequest, "for nothing", app => ImageAsync(app, []));
        yield return Post(assets, HttpStatusCode.UnsupportedMediaType, "for a form", app => ImageAsync(app, Picture.File("picture.png"), "text/plain"));
        yield return Post(assets, HttpStatusCode.RequestEntityTooLarge, "for a large image", app => ImageAsync(app, new byte[AssetRoutes.MaxBytes + 1]));
        yield return Get(videos, HttpStatusCode.NotModified, "for what is known", app => AgainAsync(app, videos));
        yield return Get(one, HttpStatusCode.NotModified, "for what is known", app => AgainAsync(app, Put(app, Ended())));
        yield return Get(videos + "/counts", HttpStatusCode.OK, "for all", app => GetAsync(app, videos + "/counts"));
        yield return Get(videos + "/counts", HttpStatusCode.OK, "for some", app => GetAsync(app, videos + "/counts?created_after=2026-03-01&metadata.order=7"));
        yield return Get(videos + "/counts", HttpStatusCode.NotModified, "for what is known", app => AgainAsync(app, videos + "/counts"));
        yield return Get(videos + "/counts", HttpStatusCode.BadRequest, "for what is no time", app => GetAsync(app, videos + "/counts?created_before=yesterday"));
        yield return Get(one + "/content", HttpStatusCode.OK, "for a file", app => GetAsync(app, WithFile(app)));
        yield return Get(one + "/content", HttpStatusCode.OK, "for another file", app => GetAsync(app, WithFile(app) + "?output=image"));
        yield return Get(one + "/content", HttpStatusCode.PartialContent, "for a part", app => GetAsync(app, WithFile(app), r => r.Headers.Range = new(4, 7)));
        yield return Get(one + "/content", HttpStatusCode.RequestedRangeNotSatisfiable, "for a part beyond the end", app => GetAsync(app, WithFile(app), r => r.Headers.Range = new(400, 700)));
        yield return Get(one + "/content", HttpStatusCode.NotModified, "for what is known", app => GetAsync(app, WithFile(app), r => r.Headers.IfNoneMatch.Add(Tag(File.Sha256))));
        yield return Get(one + "/content", HttpStatusCode.PreconditionFailed, "for what is something else", app => GetAsync(app, WithFile(app), r => r.Headers.IfMatch.Add(Tag("other"))));
        yield return Get(one + "/content", HttpStatusCode.Redirect, "where it is kept elsewhere", app =>
        {
            app.Videos.Put("vid_1", new(File, new("https://store.example.com/v.mp4?sig=abc"), null, SampleJobs.CreatedAt));
            return GetAsync(app, Put(app, Ended()) + "/content");
        });
        yield return Get(one + "/content", HttpStatusCode.Conflict, "for a job that runs", app => GetAsync(app, Running(app, JobStatus.InQueue) + "/content"));
        yield return Get(one + "/content", HttpStatusCode.NotFound, "for no such file", app => GetAsync(app, WithFile(app) + "?output=images-9"));
        yield return Get(one + "/content", HttpStatusCode.NotFound, "for none", app => GetAsync(app, "/api/videos/x/content"));

        yield return Post(one + "/cancel", HttpStatusCode.Accepted, "for a job that runs", app => PostAsync(app, Running(app, JobStatus.InQueue) + "/cancel"));
        yield return Post(one + "/cancel", HttpStatusCode.Conflict, "for a job that has ended", app => PostAsync(app, Put(app, Ended()) + "/cancel"));
        yield return Post(
            one + "/cancel", HttpStatusCode.Conflict, "for a job that ends and still starts its notifications",
            app => PostAsync(app, Put(app, Ended() with { IsRunning = true }) + "/cancel"));
        yield return Post(one + "/cancel", HttpStatusCode.Conflict, "for a job that is being stored", app => PostAsync(app, Running(app, JobStatus.Storing) + "/cancel"));
        yield return Post(one + "/cancel", HttpStatusCode.NotFound, "for none", app => PostAsync(app, "/api/videos/x/cancel"));

        yield return Post(one + "/resume", HttpStatusCode.Accepted, "for a job that can go on", app => PostAsync(app, Put(app, SampleJobs.Failed(ErrorCodes.ProviderTimeout, Provider)) + "/resume"));
        yield return Post(one + "/resume", HttpStatusCode.BadRequest, "for broken JSON", app => PostAsync(app, Put(app, InDoubt()) + "/resume", "{"));
        yield return new(HttpMethod.Post, one + "/resume", HttpStatusCode.BadRequest, "for a request that the provider does not know",
            app => PostAsync(app, Put(app, InDoubt()) + "/resume", """{"request_id":"req-9"}"""))
        { RunComfy = StubHandler.Answering(404, """{"error_code":404001}""") };
        yield return Post(one + "/resume", HttpStatusCode.Conflict, "for a job in doubt without a word how", app => PostAsync(app, Put(app, InDoubt()) + "/resume"));
        yield return Post(one + "/resume", HttpStatusCode.Conflict, "for a job that the provider failed", app => PostAsync(app, Put(app, Failed()) + "/resume"));
        yield return Post(one + "/resume", HttpStatusCode.NotFound, "for none", app => PostAsync(app, "/api/videos/x/resume"));
        yield return Post(one + "/resume", HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, Put(app, InDoubt()) + "/resume", Large()));
        yield return Post(one + "/resume", HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, Put(app, InDoubt()) + "/resume", "{}", type: "text/plain"));

        yield return Post(one + "/redeliver", HttpStatusCode.Accepted, "where one was not notified", app => PostAsync(app, Put(app, Ended()) + "/redeliver"));
        yield return Post(one + "/redeliver", HttpStatusCode.Conflict, "where there is nobody to tell", app => PostAsync(app, Put(app, Cancelled()) + "/redeliver"));
        yield return Post(one + "/redeliver", HttpStatusCode.NotFound, "for none", app => PostAsync(app, "/api/videos/x/redeliver"));

        yield return Post(subscriptions, HttpStatusCode.Created, "for a good one", app => PostAsync(app, subscriptions, Webhook));
        yield return Post(subscriptions, HttpStatusCode.Created, "for all events", app => PostAsync(app, subscriptions, """{"url":"https://hooks.example.com"}"""));
        yield return Post(subscriptions, HttpStatusCode.BadRequest, "for a bad one", app => PostAsync(app, subscriptions, """{"url":"ftp://x","events":["video.exploded"]}"""));
        yield return Post(subscriptions, HttpStatusCode.BadRequest, "for broken JSON", app => PostAsync(app, subscriptions, "{"));
        yield return Post(subscriptions, HttpStatusCode.RequestEntityTooLarge, "for a large body", app => PostAsync(app, subscriptions, Large()));
        yield return Post(subscriptions, HttpStatusCode.UnsupportedMediaType, "for a text", app => PostAsync(app, subscriptions, Webhook, type: "text/plain"));
        yield return Post(subscriptions, HttpStatusCode.Conflict, "when there are enough", async app =>
        {
            for (var i = 0; i < 20; i++) (await PostAsync(app, subscriptions, $$"""{"url":"https://hooks.example.com/{{i}}"}""")).Dispose();
            return await PostAsync(app, subscriptions, Webhook);
        });
        yield return Post(subscriptions, HttpStatusCode.OK, "for one that is there", async app =>
        {
            (await PostAsync(app, subscriptions, Webhook)).Dispose();
            return await PostAsync(app, subscriptions, Webhook);
        });
        yield return Get(subscriptions, HttpStatusCode.OK, "for all of them", async app =>
        {
            (await PostAsync(app, subscriptions, Webhook)).Dispose();
            return await GetAsync(app, subscriptions);
        });
        yield return Get("/api/dead-letters", HttpStatusCode.OK, "for all of them", app => GetAsync(app, "/api/dead-letters"));
        yield return new(HttpMethod.Delete, subscriptions + "/{id}", HttpStatusCode.NoContent, "for one that is there", async app =>
        {
            using var made = await PostAsync(app, subscriptions, Webhook);
            return await app.Http.DeleteAsync(new Uri($"{subscriptions}/{made.Headers.Location!.Segments[^1]}", UriKind.Relative));
        });
        yield return new(HttpMethod.Delete, subscriptions + "/{id}", HttpStatusCode.NotFound, "for none",
            app => app.Http.DeleteAsync(new Uri(subscriptions + "/x", UriKind.Relative)));

        const string operation = "/api/signed/operations/{id}", end = "/api/signed/subscriptions/{id}";
        yield return Get(operation, HttpStatusCode.Accepted, "for a job that runs", app => SignedAsync(app, Running(app, JobStatus.InQueue)));
        yield return Get(operation, HttpStatusCode.OK, "for a job that succeeded", app => SignedAsync(app, Running(app, JobStatus.InQueue), Ended()));
        yield return Get(operation, HttpStatusCode.UnprocessableEntity, "for a job that failed", app => SignedAsync(app, Running(app, JobStatus.InQueue), Failed()));
        yield return Get(operation, HttpStatusCode.Conflict, "for a job that was cancelled", app => SignedAsync(app, Running(app, JobStatus.InQueue), Cancelled()));
        yield return Get(operation, HttpStatusCode.Unauthorized, "without a signature", app => GetAsync(app, "/api/signed/operations/vid_1"));
        yield return new(HttpMethod.Delete, end, HttpStatusCode.NoContent, "for one that is there", async app =>
        {
            using var made = await PostAsync(app, subscriptions, Webhook);
            return await app.Http.DeleteAsync(made.Headers.Location);
        });
        yield return new(HttpMethod.Delete, end, HttpStatusCode.Unauthorized, "without a signature",
            app => app.Http.DeleteAsync(new Uri("/api/signed/subscriptions/sub_1", UriKind.Relative)));

        yield return Get("/api/health", HttpStatusCode.OK, "always", app => GetAsync(app, "/api/health"));
        yield return Get("/api/health/ready", HttpStatusCode.OK, "when jobs can be read", app => GetAsync(app, "/api/health/ready"));
        yield return Get("/api/health/ready", HttpStatusCode.ServiceUnavailable, "when jobs can't be read", app =>
        {
            app.Jobs.AreAway = true;
            return GetAsync(app, "/api/health/ready");
        });
        yield return Get("/api/health/ready", HttpStatusCode.TemporaryRedirect, "for a checkup", app => GetAsync(app, "/api/health/ready?deep=1"));
        yield return Get("/api/doctor", HttpStatusCode.OK, "whatever is found", app => GetAsync(app, "/api/doctor"));
        yield return Get("/api/openapi.json", HttpStatusCode.OK, "always", app => GetAsync(app, "/api/openapi.json"));
    }

    private static Scenario Get(string route, HttpStatusCode status, string when, Func<TestApp, Task<HttpResponseMessage>> call) =>
        new(HttpMethod.Get, route, status, when, call);

    private static Scenario Post(string route, HttpStatusCode status, string when, Func<TestApp, Task<HttpResponseMessage>> call) =>
        new(HttpMethod.Post, route, status, when, call);

    private static async Task<HttpResponseMessage> GetAsync(TestApp app, string path, Action<HttpRequestMessage>? with = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        with?.Invoke(request);
        return await app.Http.SendAsync(request);
    }

    private static async Task<HttpResponseMessage> ImageAsync(TestApp app, byte[] image, string type = "image/png")
    {
        using var content = new ByteArrayContent(image) { Headers = { ContentType = new(type) } };
        return await app.Http.PostAsync(new Uri("/api/assets", UriKind.Relative), content);
    }

    private static async Task<HttpResponseMessage> BatchAsync(TestApp app, Func<TestApp, string, Action<HttpRequestMessage>?, Task<HttpResponseMessage>> call)
    {
        using var answer = await PostAsync(app, "/api/videos/batch", $"[{Prompt}]");
        var id = (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["batch"]!["id"]!;
        return await call(app, $"/api/batches/{id}", null);
    }

    /// <summary>Calls a second time, with the ETag of the first answer.</summary>
    private static async Task<HttpResponseMessage> AgainAsync(TestApp app, string path)
    {
        using var first = await GetAsync(app, path);
        return await GetAsync(app, path, request => request.Headers.IfNoneMatch.Add(first.Headers.ETag!));
    }

    /// <summary>Polls a job at the signed link that it had while it was running.</summary>
    private static async Task<HttpResponseMessage> SignedAsync(TestApp app, string running, JobSnapshot? now = null)
    {
        using var first = await GetAsync(app, running + "/operation");
        if (now is not null) app.Jobs.Put(now);
        return await app.Http.GetAsync(first.Headers.Location);
    }

    private static async Task<HttpResponseMessage> PostAsync(
        TestApp app, string path, string? body = null, string? key = null, string type = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, type);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return await app.Http.SendAsync(request);
    }

    private static string Large() => $$"""{"prompt":"{{new string('x', 300 * 1024)}}"}""";

    private static EntityTagHeaderValue Tag(string value) => new($"\"{value}\"");

    private static string Put(TestApp app, JobSnapshot snapshot)
    {
        app.Jobs.Put(snapshot);
        return $"/api/videos/{snapshot.Job.Id}";
    }

    private static string Running(TestApp app, JobStatus status) => Put(app, new(
        SampleJobs.New(webhookUrl: "https://hooks.example.com/kling?token=abc"),
        new()
        {
            Status = status,
            UpdatedAt = SampleJobs.CreatedAt,
            Provider = status < JobStatus.InQueue ? null : Provider,
            Warnings = [new("/elements/0", FaultCode.UnusedReference, "Unused."), new("", FaultCode.CancelRefused, "No.")],
            PendingIssue = new("", "provider_unavailable", "Away."),
        },
        IsRunning: true, []));

    private static JobSnapshot Ended(string id = "vid_1") => new(SampleJobs.New(id), Succeeded, IsRunning: false, Notifications);

    private static JobSnapshot Failed() =>
        SampleJobs.Ended(SampleJobs.New(), JobStatus.Failed, new(ErrorCodes.ProviderRejected, "No.", [new("/image_urls/0", FaultCode.ImageTooSmall, "Small.")]));

    private static JobSnapshot InDoubt() => SampleJobs.Failed(ErrorCodes.SubmissionInDoubt);

    private static JobSnapshot Cancelled() => SampleJobs.Ended(SampleJobs.New(), JobStatus.Cancelled);

    private static string WithFile(TestApp app)
    {
        foreach (var file in Succeeded.Outputs) app.Videos.Put("vid_1", new(file, null, app.FileOf(Bytes), SampleJobs.CreatedAt));
        return Put(app, Ended()) + "/content";
    }
}
