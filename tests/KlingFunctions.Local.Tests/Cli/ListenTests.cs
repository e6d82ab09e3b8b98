using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Cli;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Local.Tests.Cli;

public sealed partial class ListenTests(RunningHost host) : IClassFixture<RunningHost>
{
    private const string Message = """{"type":"video.failed","timestamp":"2026-01-01T08:00:00Z","data":{}}""";

    private static JsonObject Subscription => new()
    {
        ["id"] = "sub_1",
        ["url"] = "http://127.0.0.1/",
        ["events"] = new JsonArray(),
        ["created_at"] = "2026-01-01T08:00:00Z",
    };

    [Fact]
    public async Task Webhook_is_verified_and_printed_until_the_listener_ends()
    {
        await using var listener = await Listener.StartAsync(host, "--secret", Scene.WebhookSecret);
        var id = await host.SubmitAsync();
        await listener.Out.HasAsync($"video.succeeded  {id}  signature verifies");
        Assert.Single(await SubscriptionsAsync());

        Assert.Equal(ExitCodes.Success, await listener.EndAsync());
        Assert.Contains("The subscription is ended.", listener.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(await SubscriptionsAsync());
    }

    [Fact]
    public async Task Only_requested_events_are_received()
    {
        await using var listener = await Listener.StartAsync(host, "--events", "video.failed", "--json");
        await host.CallAsync("watch", await host.SubmitAsync());
        host.RunComfy.Behaviour = RunningHost.Quick with { FailsWith = "The moon was in the way" };
        var failed = await host.SubmitAsync();
        await listener.Out.HasAsync(failed);
        host.RunComfy.Behaviour = RunningHost.Quick;
        Assert.StartsWith("""{"type":"video.failed",""", Assert.Single(listener.Out.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Contains("not verified: put the host's Webhooks:Secret", listener.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Order_of_the_events_does_not_change_the_subscription()
    {
        var port = LoopbackPort.NextAddress().Port.ToString(CultureInfo.InvariantCulture);
        await using (await Listener.StartAsync(host, "--port", port, "--events", "video.failed", "video.cancelled"))
        {
            await SubscribeAsync($"http://127.0.0.1:{port}/listen/video.cancelled+video.failed", HttpStatusCode.OK, "video.cancelled", "video.failed");
        }
        Assert.Empty(await SubscriptionsAsync());
    }

    [Fact]
    public async Task Host_is_answered_as_the_receiver_behind_answers()
    {
        await using var behind = await StubHost.StartAsync((http, _) =>
        {
            http.Response.StatusCode = http.Request.Headers["webhook-signature"].ToString().StartsWith("v1,", StringComparison.Ordinal) ? 503 : 400;
            return Task.CompletedTask;
        });
        await using var listener = await Listener.StartAsync(host, "--secret", Scene.WebhookSecret, "--forward", $"{behind.Url}/mine");
        var id = await host.SubmitAsync();
        await listener.Out.HasAsync($"{behind.Url}/mine answered 503");
        Assert.Equal("/mine", behind.Calls[0].Path);
        // The host records the answer a moment after the listener has shown it.
        while (!(await host.CallAsync("status", id, "--json")).Out.Contains("HTTP 503", StringComparison.Ordinal)) await Task.Delay(20, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Unreachable_receiver_behind_is_502()
    {
        await using var listener = await Listener.StartAsync(host, "--forward", "http://127.0.0.1:1/");
        await host.SubmitAsync();
        await listener.Out.HasAsync("answered 502");
    }

    [Fact]
    public async Task Webhook_with_an_invalid_signature_is_refused_and_not_forwarded()
    {
        await using var behind = await StubHost.StartAsync(StubHost.Job());
        await using var listener = await Listener.StartAsync(host, "--secret", Scene.WebhookSecret, "--forward", behind.Url);
        using var http = new HttpClient();
        using var forged = new HttpRequestMessage(HttpMethod.Post, listener.Url) { Content = new StringContent(Message) };
        forged.Headers.Add("webhook-id", "ntf_1");
        forged.Headers.Add("webhook-timestamp", DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture));
        forged.Headers.Add("webhook-signature", "v1,AAAA");
        using var answer = await http.SendAsync(forged, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Contains("KLING_WEBHOOK_SECRET", listener.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(behind.Calls);
        Assert.Empty(listener.Out.ToString());
    }

    [Theory]
    [InlineData("POST", 400)]
    [InlineData("GET", 405)]
    public async Task Request_that_is_not_a_webhook_is_refused(string method, int status)
    {
        await using var listener = await Listener.StartAsync(host);
        using var http = new HttpClient();
        using var answer = await http.SendAsync(new(new(method), listener.Url) { Content = method == "POST" ? new StringContent("{}") : null }, TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Empty(listener.Out.ToString());
    }

    [Fact]
    public async Task Next_listener_takes_over_the_subscription_of_a_killed_one()
    {
        var port = LoopbackPort.NextAddress().Port.ToString(CultureInfo.InvariantCulture);
        await SubscribeAsync($"http://127.0.0.1:{port}/listen");
        await using var listener = await Listener.StartAsync(host, "--port", port);
        Assert.Single(await SubscriptionsAsync());
        await listener.EndAsync();
        Assert.Empty(await SubscriptionsAsync());
    }

    [Fact]
    public async Task Status_410_ends_the_subscription_of_a_killed_one_with_other_events()
    {
        var port = LoopbackPort.NextAddress().Port.ToString(CultureInfo.InvariantCulture);
        await SubscribeAsync($"http://127.0.0.1:{port}/listen");
        await using var listener = await Listener.StartAsync(host, "--port", port, "--events", "video.cancelled");
        Assert.Equal(2, (await SubscriptionsAsync()).Count);
        await host.SubmitAsync();
        await listener.Error.HasAsync("410");
        while ((await SubscriptionsAsync()).Count > 1) await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("--public-url looks like", "--public-url", "tunnel.example.com")]
    [InlineData("--public-url looks like", "--public-url", "https://tunnel.example.com/path")]
    [InlineData("--forward looks like", "--forward", "mine")]
    [InlineData("whsec_", "--secret", "not-one")]
    [InlineData("video.done", "--events", "video.done")]
    [InlineData("--port must be", "--port", "70000")]
    public async Task Wrong_option_exits_with_usage(string said, params string[] args)
    {
        var called = await host.CallAsync(["listen", .. args]);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains(said, called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_elsewhere_needs_the_address_of_a_tunnel()
    {
        var called = await Called.WithAsync("listen", "--url", "https://videos.example.com");
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("can't reach this machine: run a tunnel to port 7073", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Port_in_use_exits_with_unavailable()
    {
        await using var there = await StubHost.StartAsync(StubHost.Job());
        var called = await host.CallAsync("listen", "--port", new Uri(there.Url).Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains("--port", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Subscription_that_can_not_be_deleted_is_named()
    {
        await using var stub = await StubHost.StartAsync((http, _) => http.Request.Method == "DELETE"
            ? StubHost.AnswerAsync(http, new JsonObject(), StatusCodes.Status502BadGateway)
            : StubHost.AnswerAsync(http, Subscription, 201));
        await using var listener = await Listener.StartAsync(stub.Url, key: "", new ImpatientTime());
        Assert.Equal(ExitCodes.Unavailable, await listener.EndAsync());
        Assert.Contains("kling subscriptions --delete sub_1", listener.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact(SkipUnless = nameof(InterruptTests.HasTerminal), SkipType = typeof(InterruptTests), Skip = "Needs script of util-linux.")]
    public async Task Ctrl_C_ends_the_subscription()
    {
        await using var stub = await StubHost.StartAsync((http, _) => StubHost.AnswerAsync(http, Subscription, http.Request.Method == "DELETE" ? 200 : 201));
        using var terminal = new PseudoTerminal("listen", "--port", "0", "--url", stub.Url);
        await terminal.ShowsAsync("Ctrl-C ends it");
        var exitCode = await terminal.InterruptAsync();
        Assert.Contains("The subscription is ended.", terminal.Screen, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Success, exitCode);
        Assert.Equal(("DELETE", "/api/subscriptions/sub_1"), (stub.Calls[^1].Method, stub.Calls[^1].Path));
    }

    /// <summary>Subscribes like a listener that is then killed.</summary>
    private async Task SubscribeAsync(string url, HttpStatusCode status = HttpStatusCode.Created, params string[] events)
    {
        using var http = Client();
        using var answer = await http.PostAsJsonAsync(new Uri("/api/subscriptions", UriKind.Relative), new { url, events }, TestContext.Current.CancellationToken);
        Assert.Equal(status, answer.StatusCode);
    }

    private async Task<IReadOnlyList<string>> SubscriptionsAsync()
    {
        using var http = Client();
        var list = await http.GetFromJsonAsync<System.Text.Json.JsonElement>(new Uri("/api/subscriptions", UriKind.Relative), TestContext.Current.CancellationToken);
        return [.. list.GetProperty("subscriptions").EnumerateArray().Select(s => s.GetProperty("id").GetString()!)];
    }

    private HttpClient Client() => new() { BaseAddress = new Uri(host.Url), DefaultRequestHeaders = { { "x-functions-key", RunningHost.Key } } };

    /// <summary>A listener that runs until it is cancelled, as with Ctrl-C.</summary>
    private sealed partial class Listener : IAsyncDisposable
    {
        private readonly CancellationTokenSource _signal = new();
        private Task<int> _run = null!;

        public Transcript Out { get; } = new();

        public Transcript Error { get; } = new();

        public string Url => Address.Match(Error.ToString()).Groups[1].Value;

        public static Task<Listener> StartAsync(RunningHost host, params string[] args) => StartAsync(host.Url, RunningHost.Key, TimeProvider.System, args);

        public static async Task<Listener> StartAsync(string url, string key, TimeProvider time, params string[] args)
        {
            var listener = new Listener();
            string[] all = ["listen", .. args, "--url", url, "--key", key, .. args.Contains("--port") ? Array.Empty<string>() : ["--port", "0"]];
            listener._run = CommandLine.RunAsync(all, Called.On(listener.Out, listener.Error, time: time), listener._signal.Token);
            await await Task.WhenAny(listener.Error.HasAsync("Ctrl-C ends it"), listener._run);
            return listener;
        }

        public async Task<int> EndAsync()
        {
            await _signal.CancelAsync();
            return await _run;
        }

        public async ValueTask DisposeAsync()
        {
            await EndAsync();
            _signal.Dispose();
        }

        [GeneratedRegex(@"Listening on (\S+)\. Ctrl-C")]
        private static partial Regex Address { get; }
    }
}
