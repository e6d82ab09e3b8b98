using System.Net;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Journal;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

public sealed class LocalHostTests : IDisposable
{
    private const string Key = "a-key-of-some-length";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-host-");
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task With_a_key_every_call_except_health_needs_it()
    {
        await using var runComfy = await SimulatorHost.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        var settings = Scene.SettingsFor(runComfy);
        settings["Local:ApiKey"] = Key;
        await using var host = await LocalHostUnderTest.StartAsync(settings, _time);
        host.Http.DefaultRequestHeaders.Clear();
        Assert.Equal(HttpStatusCode.OK, await GetAsync(host, "/api/health"));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(host, "/api/videos"));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(host, "/api/openapi.json"));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(host, "/api/videos", ("x-functions-key", "another")));
        Assert.Equal(HttpStatusCode.OK, await GetAsync(host, "/api/videos", ("x-functions-key", Key)));
    }

    [Fact]
    public async Task Without_a_key_only_this_machine_may_call_and_no_page_of_another_site()
    {
        await using var runComfy = await SimulatorHost.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var host = await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time);
        Assert.Equal(HttpStatusCode.OK, await GetAsync(host, "/api/videos"));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(host, "/api/videos", ("Host", "rebound.example.com")));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(host, "/api/videos", ("Sec-Fetch-Site", "cross-site")));
    }

    [Fact]
    public async Task Links_of_a_call_without_Host_header_have_the_bound_address()
    {
        await using var runComfy = await SimulatorHost.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var host = await LocalHostUnderTest.StartAsync(new Dictionary<string, string?>(Scene.SettingsFor(runComfy)) { ["Local:ApiKey"] = Key }, _time);
        var address = host.Http.BaseAddress!;
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"GET /api/openapi.json HTTP/1.0\r\nx-functions-key: {Key}\r\n\r\n"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        Assert.Contains($"\"url\":\"http://127.0.0.1:{address.Port}\"", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RunComfy:ApiToken", "")]
    [InlineData("RunComfy:BaseUrl", "http://example.com")]
    [InlineData("RunComfy:ResultHosts", "*")]
    [InlineData("Pipeline:Deadline", "-01:00:00")]
    [InlineData("Pipeline:PollMin", "00:00:00")]
    [InlineData("Pipeline:MaxInFlight", "-1")]
    [InlineData("Pipeline:MaxJobsPerDay", "-1")]
    [InlineData("Submission:WhenInDoubt", "hope")]
    [InlineData("Webhooks:Secret", "secret")]
    [InlineData("Storage:MaxVideoBytes", "0")]
    [InlineData("Storage:Blobs", "http://example.com")]
    [InlineData("Local:ApiKey", "short")]
    public async Task Wrong_setting_stops_the_start_with_a_sentence_that_names_it(string key, string value)
    {
        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync((key, value)));
        Assert.Contains(key, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("urls", "http://0.0.0.0:0", "Local:ApiKey")]
    [InlineData("urls", "http://*:0", "Local:ApiKey")]
    [InlineData("urls", "here", "urls")]
    [InlineData("urls", "http://127.0.0.1:99999", "urls")]
    public async Task Dangerous_setting_stops_the_start(string key, string value, string named)
    {
        var failure = await Assert.ThrowsAsync<SettingException>(() => StartAsync((key, value)));
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_address_stops_the_start_with_a_key_too()
    {
        var failure = await Assert.ThrowsAsync<SettingException>(() => StartAsync(("urls", "http://127.0.0.1:99999"), ("Local:ApiKey", Key)));
        Assert.Contains("urls", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Query_of_a_webhook_is_only_in_the_input_of_its_job()
    {
        await using var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero }, _time, cancellationToken: TestContext.Current.CancellationToken);
        await using var scene = new Scene(await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time), runComfy, await WebhookReceiver.StartAsync());
        scene.Receiver.Status = 500;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count == 2);
        var written = ((LocalHostUnderTest)scene.Host).Services.GetRequiredService<JournalDatabase>().Read(db => db.Query(
            "SELECT id || input || coalesce(status, '') || coalesce(output, '') FROM instances UNION ALL SELECT name || coalesce(value, '') FROM history",
            row => row.GetString(0)));
        Assert.StartsWith(id, Assert.Single(written, row => row.Contains("s3cr3t", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains(written, row => row.StartsWith($"ntf_{id}", StringComparison.Ordinal));
    }

    private async Task StartAsync(params (string Key, string Value)[] changes)
    {
        var settings = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["RunComfy:ApiToken"] = "token",
            ["Local:DataDirectory"] = _folder.FullName,
        };
        foreach (var (key, value) in changes) settings[key] = value;
        await using var app = LocalHost.Build(settings);
        await app.StartAsync();
    }

    private static async Task<HttpStatusCode> GetAsync(LocalHostUnderTest host, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await host.Http.SendAsync(request);
        return answer.StatusCode;
    }
}
