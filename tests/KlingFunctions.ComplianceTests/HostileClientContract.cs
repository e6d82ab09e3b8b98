using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KlingFunctions.ComplianceTests.Fuzzing;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Simulator;

namespace KlingFunctions.ComplianceTests;

/// <summary>
/// A host answers every client input with a result or with a problem that names the fault, never with an error of its own. A job that it
/// starts is always in an answer.
/// </summary>
public abstract class HostileClientContract
{
    private const int MaxBody = 256 * 1024;

    private static readonly string[] Refusals = ["/api/videos", "/api/videos/validate", "/api/subscriptions", "/api/videos/{0}/resume"];

    private static readonly Lazy<string> ProblemCodes = new(() =>
    {
        using var document = typeof(RouteTable).Assembly.GetManifestResourceStream("openapi.json")!;
        return JsonDocument.Parse(document).RootElement.GetProperty("components").GetProperty("schemas").GetProperty("ProblemCode").GetProperty("enum").GetRawText();
    });

    /// <summary>The clock of host, provider and receivers.</summary>
    protected abstract TimeProvider Time { get; }

    /// <summary>
    /// False if a platform's proxy stands before the app: it refuses unknown routes and endless bodies itself, without a problem document.
    /// </summary>
    protected virtual bool FacesTheNetwork => true;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings);

    [Fact]
    public async Task Corrupted_body_is_refused_with_a_problem_and_starts_nothing()
    {
        await using var scene = await StartAsync();
        var job = await scene.SubmitAsync();
        await scene.EndAsync(job);
        var accepted = new HashSet<string> { job };
        string[] bodies =
        [
            scene.Request(scene.Receiver.Url).ToJsonString(), scene.Request().ToJsonString(), """{"url":"https://example.com/hook","events":["video.succeeded"]}""",
            """{"request_id":"req_1","resubmit":true}""",
        ];
        await Barrage.RunAsync(300, async random =>
        {
            var route = random.Next(bodies.Length);
            // No names are resolved here, so requests that are still valid stay on this machine.
            var body = Spoil.Json(random, bodies[route]);
            if (route == 1) route = 0;
            using var content = new ByteArrayContent(body);
            content.Headers.TryAddWithoutValidation("Content-Type", random.Next(20) == 0 ? Visible(Spoil.Text(random)) : "application/json");
            using var request = new HttpRequestMessage(HttpMethod.Post, string.Format(null, Refusals[route], job)) { Content = content };
            if (random.Next(3) == 0) request.Headers.TryAddWithoutValidation("Idempotency-Key", Visible(Spoil.Text(random)));
            using var answer = await scene.Http.SendAsync(request, Ct);
            var json = await AnsweredAsync(answer);
            if (answer.StatusCode is HttpStatusCode.Accepted) accepted.Add(json.GetProperty("id").GetString()!);
        });
        Assert.Equal(accepted.Order(), (await IdsAsync(scene)).Order());
    }

    [Theory]
    [InlineData("application/json", null, HttpStatusCode.Accepted)]
    [InlineData("application/vnd.acme+json; charset=utf-8", null, HttpStatusCode.Accepted)]
    [InlineData("application/json", "identity", HttpStatusCode.Accepted)]
    [InlineData("application/json", "gzip", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json", "br, gzip", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("text/plain", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data; boundary=x", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData(";;;", null, HttpStatusCode.UnsupportedMediaType)]
    [InlineData(null, null, HttpStatusCode.UnsupportedMediaType)]
    public async Task Body_must_be_uncompressed_JSON(string? type, string? encoding, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        // Would be 30 MB if decompressed.
        var bytes = encoding is null or "identity" ? Encoding.UTF8.GetBytes(scene.Request().ToJsonString()) : Spoil.Packed(new byte[30_000_000]);
        using var content = new ByteArrayContent(bytes);
        if (type is not null) content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null) content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        using var answer = await scene.Http.PostAsync(new Uri("/api/videos", UriKind.Relative), content, Ct);
        Assert.Equal(status, answer.StatusCode);
        await AnsweredAsync(answer);
    }

    [Theory]
    [InlineData(MaxBody, true, HttpStatusCode.Accepted)]
    [InlineData(MaxBody, false, HttpStatusCode.Accepted)]
    [InlineData(MaxBody + 1, true, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData(MaxBody + 1, false, HttpStatusCode.RequestEntityTooLarge)]
    public async Task Body_past_256_KiB_is_refused_with_or_without_a_length(int length, bool hasLength, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        var bytes = Encoding.UTF8.GetBytes(scene.Request().ToJsonString().PadRight(length));
        using HttpContent content = hasLength ? new ByteArrayContent(bytes) : new Chunked(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await scene.Http.PostAsync(new Uri("/api/videos", UriKind.Relative), content, Ct);
        Assert.Equal(status, answer.StatusCode);
        var json = await AnsweredAsync(answer);
        if (status is HttpStatusCode.RequestEntityTooLarge) Assert.Equal("body_too_large", json.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("Content-Length: 40000000\r\n")]
    [InlineData("Content-Length: 9000000000\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    public async Task Endless_body_is_refused_before_it_is_read_far(string length)
    {
        Assert.SkipUnless(FacesTheNetwork, "A proxy of the platform's stands before the app.");
        await using var scene = await StartAsync();
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(scene.Http.BaseAddress!.Host, scene.Http.BaseAddress.Port, Ct);
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /api/videos HTTP/1.1\r\nHost: {scene.Http.BaseAddress.Authority}\r\n{scene.Http.DefaultRequestHeaders}Content-Type: application/json\r\n{length}\r\n"), Ct);
        var answer = ReadAsync(stream);
        byte[] chunk = [.. "2000\r\n"u8, .. new byte[0x2000], .. "\r\n"u8];
        var sent = 0;
        try
        {
            for (; !answer.IsCompleted && sent < 30_000_000; sent += chunk.Length) await stream.WriteAsync(chunk, Ct);
        }
        catch (IOException)
        {
            // The host closed the connection after its answer.
        }
        Assert.Contains("HTTP/1.1 413", await answer, StringComparison.Ordinal);
        Assert.Contains("body_too_large", await answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Odd_ids_queries_and_headers_never_cause_a_server_error()
    {
        await using var scene = await StartAsync();
        var job = await scene.SubmitAsync();
        await scene.EndAsync(job);
        string[] routes =
        [
            "GET /api/videos/{0}", "GET /api/videos/{0}/operation", "GET /api/videos/{0}/content", "POST /api/videos/{0}/cancel", "POST /api/videos/{0}/resume",
            "POST /api/videos/{0}/redeliver", "DELETE /api/subscriptions/{0}", $"GET /api/videos/{job}/content?output={{0}}", "GET /api/videos?cursor={0}",
            "GET /api/videos?limit={0}", "GET /api/videos?status={0}", "PUT /api/videos/{0}", "GET /api/{0}",
        ];
        string[] odd = ["%2e%2e%2f", "%FF%FE", "%F0%9F%92%A5", "%0d%0aX-Evil:1", "'%20OR%201=1--", "vid_", new('a', 4_000), "%25%32%66", "NULL", "-1", "1e9", "%E2%80%AE"];
        await Barrage.RunAsync(200, async random =>
        {
            var value = random.Next(2) == 0 ? odd[random.Next(odd.Length)] : Uri.EscapeDataString(Spoil.Text(random).Replace("\0", "", StringComparison.Ordinal));
            var (method, path) = routes[random.Next(routes.Length)].Split(' ', 2) is [var m, var p] ? (m, string.Format(null, p, value)) : default;
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (random.Next(3) == 0) request.Headers.TryAddWithoutValidation("X-Forwarded-Host", Visible(Spoil.Text(random)));
            if (random.Next(3) == 0) request.Headers.TryAddWithoutValidation("Range", $"bytes={random.NextInt64()}-{random.Next()}");
            using var answer = await scene.Http.SendAsync(request, Ct);
            await AnsweredAsync(answer);
        });
        Assert.Equal([job], await IdsAsync(scene));
    }

    [Theory]
    [InlineData(1, HttpStatusCode.Accepted)]
    [InlineData(255, HttpStatusCode.Accepted)]
    [InlineData(256, HttpStatusCode.BadRequest)]
    [InlineData(8_000, HttpStatusCode.BadRequest)]
    public async Task Idempotency_key_has_at_most_255_characters(int length, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        using var answer = await scene.PostAsync("/api/videos", scene.Request(), new string('~', length));
        Assert.Equal(status, answer.StatusCode);
        await AnsweredAsync(answer);
    }

    [Theory]
    [InlineData(2_048, HttpStatusCode.Created)]
    [InlineData(2_049, HttpStatusCode.BadRequest)]
    public async Task URL_of_a_subscription_has_at_most_2048_characters(int length, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        using var answer = await scene.PostAsync("/api/subscriptions", new System.Text.Json.Nodes.JsonObject { ["url"] = "https://example.com/".PadRight(length, 'x') });
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task Simultaneous_subscriptions_are_accepted_up_to_twenty()
    {
        await using var scene = await StartAsync();
        async Task<HttpStatusCode> AddAsync(int n)
        {
            using var answer = await scene.PostAsync("/api/subscriptions", new System.Text.Json.Nodes.JsonObject { ["url"] = $"https://example.com/{n}" });
            await AnsweredAsync(answer);
            return answer.StatusCode;
        }
        var made = (await Task.WhenAll(Enumerable.Range(0, 60).Select(AddAsync))).Count(s => s is HttpStatusCode.Created);
        Assert.InRange(made, 0, 20);
        // Simultaneous calls may have conflicted; calls in sequence do not.
        for (; made < 20; made++) Assert.Equal(HttpStatusCode.Created, await AddAsync(100 + made));
        Assert.Equal(HttpStatusCode.Conflict, await AddAsync(1_000));
    }

    [Theory]
    [InlineData(4_096, HttpStatusCode.Accepted)]
    [InlineData(4_097, HttpStatusCode.BadRequest)]
    public async Task Metadata_has_at_most_4096_bytes(int bytes, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        var request = scene.Request();
        request["metadata"] = new System.Text.Json.Nodes.JsonObject { ["a"] = new string('x', bytes - """{"a":""}""".Length) };
        using var answer = await scene.PostAsync("/api/videos", request);
        Assert.Equal(status, answer.StatusCode);
    }

    /// <summary>Starts the provider. Tests may share one when a host is expensive to start.</summary>
    protected virtual Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour) => SimulatorHost.StartAsync(behaviour, Time);

    private async Task<Scene> StartAsync()
    {
        var runComfy = await StartRunComfyAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero });
        var receiver = await WebhookReceiver.StartAsync();
        return new(await StartHostAsync(Scene.SettingsFor(runComfy)), runComfy, receiver);
    }

    /// <summary>Reads the answer, whose form must be one of the contract.</summary>
    private static async Task<JsonElement> AnsweredAsync(HttpResponseMessage answer)
    {
        if (answer.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.Redirect || answer.Content.Headers.ContentType?.MediaType is "video/mp4") return default;
        // The web server refuses invalid HTTP and too many headers itself, without a body.
        if (answer.StatusCode is HttpStatusCode.RequestHeaderFieldsTooLarge or HttpStatusCode.RequestedRangeNotSatisfiable) return default;
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True((int)answer.StatusCode is >= 200 and < 500, $"{(int)answer.StatusCode} {answer.RequestMessage}: {text}");
        Assert.True(text.Length < 600_000, $"The answer has {text.Length:N0} characters.");
        var json = text.Length > 0 ? JsonElement.Parse(text) : default;
        if ((int)answer.StatusCode < 400) return json;
        Assert.True(answer.Content.Headers.ContentType?.MediaType is "application/problem+json", $"{answer}: {text}");
        Assert.Equal((int)answer.StatusCode, json.GetProperty("status").GetInt32());
        Assert.Contains($"\"{json.GetProperty("code").GetString()}\"", ProblemCodes.Value, StringComparison.Ordinal);
        Assert.EndsWith(".", json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        if (json.TryGetProperty("errors", out var errors))
        {
            Assert.InRange(errors.GetArrayLength(), 1, 101);
            Assert.All(errors.EnumerateArray(), error => Assert.InRange(error.GetProperty("message").GetString()!.Length, 10, 700));
        }
        return json;
    }

    private static async Task<List<string>> IdsAsync(Scene scene)
    {
        var ids = new List<string>();
        for (var cursor = ""; ;)
        {
            using var answer = await scene.Http.GetAsync(new Uri($"/api/videos?limit=100{cursor}", UriKind.Relative), Ct);
            var page = await Scene.JsonOf(answer);
            ids.AddRange(page.GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!));
            if (!page.TryGetProperty("next_cursor", out var next)) return ids;
            cursor = $"&cursor={next.GetString()}";
        }
    }

    private static string Visible(string text) => new([.. text.Select(c => c is < ' ' or > '~' ? '?' : c)]);

    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            while (!answer.ToString().Contains('}', StringComparison.Ordinal) && await stream.ReadAsync(buffer, Ct) is > 0 and var read)
                answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (IOException)
        {
            // Bytes that arrived before the close count.
        }
        return answer.ToString();
    }

    /// <summary>Content without a declared length.</summary>
    private sealed class Chunked(byte[] bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(bytes, 0, bytes.Length);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
