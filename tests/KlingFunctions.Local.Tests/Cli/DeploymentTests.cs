using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Cli;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Client verbs with failing hosts, and with servers that are not KlingFunctions.</summary>
public sealed class DeploymentTests
{
    [Theory]
    [InlineData(400, ExitCodes.BadData)]
    [InlineData(401, ExitCodes.NoPermission)]
    [InlineData(403, ExitCodes.NoPermission)]
    [InlineData(404, ExitCodes.BadData)]
    [InlineData(408, ExitCodes.TryLater)]
    [InlineData(409, ExitCodes.BadData)]
    [InlineData(422, ExitCodes.BadData)]
    [InlineData(429, ExitCodes.TryLater)]
    [InlineData(500, ExitCodes.Unavailable)]
    [InlineData(503, ExitCodes.Unavailable)]
    public async Task Answer_of_the_host_decides_the_exit_code(int status, int exitCode)
    {
        var problem = new JsonObject { ["type"] = "urn:x", ["title"] = "No", ["status"] = status, ["detail"] = "It is raining.", ["code"] = "rain" };
        await using var stub = await StubHost.StartAsync(problem, status);
        var called = await stub.CallAsync("status", "vid_1");
        Assert.Equal(exitCode, called.ExitCode);
        Assert.Contains("It is raining.", called.Error, StringComparison.Ordinal);
        Assert.Empty(called.Out);
    }

    [Fact]
    public async Task Host_past_its_daily_cap_says_when_to_ask_again()
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Response.Headers.RetryAfter = "3600";
            return StubHost.AnswerAsync(http, new JsonObject { ["type"] = "", ["title"] = "", ["status"] = 429, ["detail"] = "Full.", ["code"] = "full" }, 429);
        });
        var called = await stub.CallAsync("submit", "--prompt", "rain");
        Assert.Equal(ExitCodes.TryLater, called.ExitCode);
        Assert.Contains("1:00:00 h", called.Error, StringComparison.Ordinal);
        Assert.Single(stub.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Submission_with_a_lost_answer_is_sent_again_under_the_same_key(bool isDropped)
    {
        await using var stub = await StubHost.StartAsync((http, number) =>
        {
            if (number > 2) return StubHost.AnswerAsync(http, StubHost.Job(), 202);
            if (isDropped) http.Abort();
            else http.Response.StatusCode = 502;
            return Task.CompletedTask;
        });
        var called = await stub.CallAsync("submit", "--prompt", "rain");
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Equal(3, stub.Calls.Count);
        Assert.True(Guid.TryParse(Assert.Single(stub.Calls.Select(c => c.IdempotencyKey).Distinct()), out _));
    }

    [Fact]
    public async Task Submission_without_any_answer_shows_its_key_to_the_caller()
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Abort();
            return Task.CompletedTask;
        });
        var called = await stub.CallAsync("submit", "--prompt", "rain");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains($"--idempotency-key {stub.Calls[0].IdempotencyKey}", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_without_a_key_is_sent_once()
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Abort();
            return Task.CompletedTask;
        });
        Assert.Equal(ExitCodes.Unavailable, (await stub.CallAsync("resume", "vid_1", "--resubmit")).ExitCode);
        Assert.Single(stub.Calls);
    }

    [Fact]
    public async Task Watching_survives_temporary_errors_of_the_host()
    {
        await using var stub = await StubHost.StartAsync((http, number) =>
        {
            if (number % 3 == 2) http.Abort();
            return http.RequestAborted.IsCancellationRequested
                ? Task.CompletedTask
                : StubHost.AnswerAsync(http, StubHost.Job(number < 8 ? "in_queue" : "succeeded"));
        });
        var called = await stub.CallAsync("watch", "vid_1");
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Equal(["in_queue", "succeeded"], called.Lines.Take(2).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2]));
    }

    [Fact]
    public async Task Host_that_is_away_during_a_watch_is_reported_once_and_waited_for()
    {
        const int AwayFor = 30;
        await using var stub = await StubHost.StartAsync((http, number) =>
        {
            if (number is > 1 and <= AwayFor) http.Abort();
            return http.RequestAborted.IsCancellationRequested
                ? Task.CompletedTask
                : StubHost.AnswerAsync(http, StubHost.Job(number == 1 ? "in_queue" : "succeeded"));
        });
        var called = await stub.CallAsync("watch", "vid_1");
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Single(called.Error.Split('\n'), line => line == $"{stub.Url} does not answer as it should: trying again.");
    }

    [Fact]
    public async Task Interrupted_watch_says_that_the_job_continues()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job("in_progress"));
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var (output, error) = (new Transcript(), new Transcript());
        var watching = CommandLine.RunAsync(["watch", "vid_1", "--url", stub.Url], Called.On(output, error, time: TimeProvider.System), interrupt.Token);
        await output.HasAsync("in_progress");
        await interrupt.CancelAsync();
        Assert.Equal(ExitCodes.Interrupted, await watching);
        Assert.Contains("The job goes on", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_host_is_reported_at_once()
    {
        var url = LoopbackPort.NextAddress().AbsoluteUri.TrimEnd('/');
        var called = await Called.WithAsync("list", "--url", url);
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains(url, called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("\"hello\"")]
    public async Task Foreign_server_is_not_mistaken_for_a_host(string body)
    {
        await using var stub = await StubHost.StartAsync(JsonNode.Parse(body)!);
        var called = await stub.CallAsync("status", "vid_1");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains("is --url right?", called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("ftp://127.0.0.1")]
    public async Task Invalid_address_is_wrong_usage(string url) =>
        Assert.Equal(ExitCodes.Usage, (await Called.WithAsync("list", "--url", url)).ExitCode);

    [Fact]
    public async Task Provider_text_does_not_control_the_terminal()
    {
        var job = StubHost.Job("failed");
        job["error"] = new JsonObject { ["code"] = "provider_failed", ["message"] = "bad \u001b[2J luck" };
        await using var stub = await StubHost.StartAsync(job);
        foreach (var verb in new[] { "status", "watch" })
        {
            var called = await stub.CallAsync(verb, "vid_1");
            Assert.Contains("luck", called.Out, StringComparison.Ordinal);
            Assert.DoesNotContain("\u001b", called.Out, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Key_is_sent_to_the_host_and_not_to_a_redirects_target()
    {
        var video = RandomNumberGenerator.GetBytes(10_000);
        await using var store = await StubHost.StartAsync((http, _) => http.Response.Body.WriteAsync(video).AsTask());
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            if (!http.Request.Path.Value!.EndsWith("/content", StringComparison.Ordinal)) return StubHost.AnswerAsync(http, Done(video));
            http.Response.Redirect($"{store.Url}/a-link-that-opens-by-itself");
            return Task.CompletedTask;
        });
        using var file = new TemporaryFile();
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("watch", "vid_1", "--output", file.Path, "--key", "s3cr3t")).ExitCode);
        Assert.All(stub.Calls, call => Assert.Equal("s3cr3t", call.Key));
        Assert.Null(Assert.Single(store.Calls).Key);
        Assert.Equal(video, file.Content);
    }

    [Fact]
    public async Task Redirect_of_a_moved_host_is_not_followed_with_the_key()
    {
        await using var elsewhere = await StubHost.StartAsync(StubHost.Job());
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Response.Redirect($"{elsewhere.Url}/api/videos/vid_1", permanent: true);
            return Task.CompletedTask;
        });
        var called = await stub.CallAsync("status", "vid_1", "--key", "s3cr3t");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains(elsewhere.Url, called.Error, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Calls);
    }

    [Fact]
    public async Task Sign_in_page_is_not_mistaken_for_a_host()
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Response.Redirect("/sign-in?secret=1");
            return Task.CompletedTask;
        });
        var called = await stub.CallAsync("list");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains($"{stub.Url}/sign-in:", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_download_continues_where_it_stopped()
    {
        var video = RandomNumberGenerator.GetBytes(100_000);
        await using var stub = await StartVideoHostAsync(video, breaks: 1);
        using var file = new TemporaryFile();
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("watch", "vid_1", "--output", file.Path)).ExitCode);
        Assert.Equal(video, file.Content);
        Assert.Matches("^bytes=[1-9][0-9]*-$", stub.Calls[^1].Range!);
    }

    [Fact]
    public async Task Abandoned_download_continues_at_the_next_call()
    {
        var video = RandomNumberGenerator.GetBytes(100_000);
        using var file = new TemporaryFile();
        await using (var weak = await StartVideoHostAsync(video, breaks: int.MaxValue))
            Assert.Equal(ExitCodes.Unavailable, (await weak.CallAsync("watch", "vid_1", "--output", file.Path)).ExitCode);
        Assert.False(File.Exists(file.Path));
        await using var stub = await StartVideoHostAsync(video, breaks: 0);
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("watch", "vid_1", "--output", file.Path)).ExitCode);
        Assert.Equal(video, file.Content);
    }

    [Fact]
    public async Task Part_of_another_video_is_deleted()
    {
        var video = RandomNumberGenerator.GetBytes(10_000);
        await using var stub = await StartVideoHostAsync(video, breaks: 0);
        using var file = new TemporaryFile();
        await File.WriteAllBytesAsync(file.Path + ".part", new byte[5_000], TestContext.Current.CancellationToken);
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("watch", "vid_1", "--output", file.Path)).ExitCode);
        Assert.Equal(video, file.Content);
    }

    /// <summary>A host with a finished job, whose video download is interrupted a number of times.</summary>
    private static Task<StubHost> StartVideoHostAsync(byte[] video, int breaks) => StubHost.StartAsync(async (http, number) =>
    {
        if (!http.Request.Path.Value!.EndsWith("/content", StringComparison.Ordinal))
        {
            await StubHost.AnswerAsync(http, Done(video));
            return;
        }
        var from = (int?)http.Request.GetTypedHeaders().Range?.Ranges.First().From ?? 0;
        var isBroken = number - 1 <= breaks;
        var rest = video.AsMemory(from);
        http.Response.StatusCode = from > 0 ? 206 : 200;
        http.Response.ContentLength = rest.Length;
        await http.Response.Body.WriteAsync(isBroken ? rest[..(rest.Length / 2)] : rest);
        // The server sends the written bytes, and then closes the connection.
        if (isBroken) throw new IOException("The test interrupts the download.");
    });

    private static JsonObject Done(byte[] video)
    {
        var job = StubHost.Job("succeeded");
        job["video"] = new JsonObject
        {
            ["name"] = "video",
            ["url"] = "http://127.0.0.1/api/videos/vid_1/content",
            ["content_type"] = "video/mp4",
            ["size_bytes"] = video.Length,
            ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(video)),
        };
        return job;
    }

    private sealed class TemporaryFile : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-download-");

        public string Path => System.IO.Path.Combine(_folder.FullName, "video.mp4");

        public byte[] Content => File.ReadAllBytes(Path);

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
