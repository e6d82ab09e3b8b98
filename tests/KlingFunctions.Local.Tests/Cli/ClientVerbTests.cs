using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Simulator;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class ClientVerbTests(RunningHost host) : IClassFixture<RunningHost>, IAsyncLifetime
{
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>The next test finds a host that rests: a job of this one must not run into what that one does to the provider.</summary>
    public async ValueTask DisposeAsync()
    {
        host.RunComfy.Behaviour = RunningHost.Quick;
        while ((await host.CallAsync("list", "--json", "--limit", "100")).Json.GetProperty("videos").EnumerateArray()
            .Any(job => job.GetProperty("status").GetString() is not ("succeeded" or "failed" or "cancelled")))
        {
            await Task.Delay(5);
        }
    }

    [Fact]
    public async Task Submit_says_the_id_on_stdout_and_the_price_on_stderr()
    {
        var called = await host.CallAsync(["submit", .. host.GoodRequest]);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Matches("^vid_[0-9a-f]{32}$", Assert.Single(called.Lines));
        Assert.Contains("costs money (about a dollar", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_takes_a_whole_request_from_stdin()
    {
        var request = new JsonObject { ["prompt"] = "@Image1 in the rain", ["elements"] = new JsonArray(), ["image_urls"] = new JsonArray(host.Image("valley.webp")) };
        var called = await host.CallAsync(["submit", "--input", "-", "--json"], request.ToJsonString());
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Equal("@Image1 in the rain", called.Json.GetProperty("request").GetProperty("prompt").GetString());
    }

    [Fact]
    public async Task Submit_takes_a_whole_request_from_a_file()
    {
        var file = Path.Combine(host.Folder, "request.json");
        await File.WriteAllTextAsync(file, """{"prompt": "rain", "elements": [], "image_urls": []}""", TestContext.Current.CancellationToken);
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("submit", "--input", file)).ExitCode);
    }

    [Fact]
    public async Task Every_option_of_a_request_is_sent()
    {
        var called = await host.CallAsync(
            ["submit", "--json", "--duration", "10", "--aspect-ratio", "9:16", "--webhook", host.Receiver.Url, .. host.GoodRequest]);
        var request = called.Json.GetProperty("request");
        Assert.Equal("10", request.GetProperty("duration").GetString());
        Assert.Equal("9:16", request.GetProperty("aspect_ratio").GetString());
        Assert.StartsWith("http://127.0.0.1", request.GetProperty("webhook_url").GetString(), StringComparison.Ordinal);
        Assert.Equal(host.Image("robot-side.jpg"), request.GetProperty("elements")[0].GetProperty("reference_image_urls")[0].GetString());
        Assert.Equal(host.Image("valley.webp"), request.GetProperty("image_urls")[0].GetString());
    }

    [Fact]
    public async Task The_same_idempotency_key_is_the_same_job()
    {
        var first = await host.SubmitAsync("--idempotency-key", "one-of-mine");
        Assert.Equal(first, await host.SubmitAsync("--idempotency-key", "one-of-mine"));
        Assert.NotEqual(first, await host.SubmitAsync());
    }

    [Fact]
    public async Task A_job_that_is_watched_is_shown_to_its_end_and_its_video_saved()
    {
        var file = Path.Combine(host.Folder, "robot.mp4");
        var called = await host.CallAsync(["submit", "--output", file, .. host.GoodRequest]);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Contains("succeeded    the video is stored", called.Out, StringComparison.Ordinal);
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(bytes)), called.Out, StringComparison.Ordinal);
        Assert.False(File.Exists(file + ".part"));
    }

    [Theory]
    [InlineData("no/such/folder.mp4")]
    [InlineData("")]
    [InlineData("new/")]
    [InlineData("locked.mp4")]
    [InlineData("a-folder.mp4")]
    public async Task File_that_can_not_be_saved_is_refused_before_anything_is_paid(string file)
    {
        var before = host.RunComfy.Account.AcceptedCount;
        Directory.CreateDirectory(Path.Combine(host.Folder, "a-folder.mp4"));
        Directory.CreateDirectory(Path.Combine(host.Folder, "locked.mp4.part"));
        var called = await host.CallAsync(["submit", "--output", Path.Combine(host.Folder, file), .. host.GoodRequest]);
        Assert.Equal(ExitCodes.CantCreate, called.ExitCode);
        Assert.Contains("Nothing was submitted", called.Error, StringComparison.Ordinal);
        Assert.Equal(before, host.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Watch_ends_with_1_when_the_job_failed_and_says_why()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { FailsWith = "The moon was in the way" };
        var called = await host.CallAsync("watch", await host.SubmitAsync());
        Assert.Equal(ExitCodes.Failed, called.ExitCode);
        Assert.Contains("The moon was in the way", called.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validate_says_that_nothing_is_wrong_and_pays_nothing()
    {
        var before = host.RunComfy.Account.AcceptedCount;
        var called = await host.CallAsync(["validate", .. host.GoodRequest]);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Contains("valid", called.Out, StringComparison.Ordinal);
        Assert.Equal(before, host.RunComfy.Account.AcceptedCount);
    }

    [Theory]
    [InlineData("validate")]
    [InlineData("submit")]
    public async Task Every_fault_is_listed_with_its_place(string verb)
    {
        var called = await host.CallAsync(verb, "--prompt", "@Image1 and @Image3", "--image", host.Image("valley.webp"), "--duration", "7");
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        Assert.Empty(called.Out);
        Assert.Matches(@"/prompt +The prompt says ""@Image3""", called.Error);
        Assert.Matches("/duration +", called.Error);
    }

    [Fact]
    public async Task Warnings_are_listed_and_do_no_harm()
    {
        var called = await host.CallAsync("validate", "--prompt", "nothing but rain", "--image", host.Image("valley.webp"));
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Matches("/image_urls/0 +The prompt never refers to this image", called.Error);
    }

    [Fact]
    public async Task Status_tells_of_a_job_and_list_of_all()
    {
        var id = await host.SubmitAsync();
        Assert.Contains(id, (await host.CallAsync("status", id)).Out, StringComparison.Ordinal);
        Assert.Contains(id, (await host.CallAsync("list")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_goes_on_where_its_first_page_ends()
    {
        var (older, newer) = (await host.SubmitAsync(), await host.SubmitAsync());
        var first = await host.CallAsync("list", "--limit", "1", "--json");
        Assert.Equal(newer, first.Json.GetProperty("videos")[0].GetProperty("id").GetString());
        Assert.Contains("--cursor", first.Error, StringComparison.Ordinal);
        var second = await host.CallAsync("list", "--limit", "1", "--cursor", first.Json.GetProperty("next_cursor").GetString()!);
        Assert.Contains(older, second.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_queued_job_is_cancelled_and_watch_then_ends_with_1()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { Slots = 0 };
        var id = await host.SubmitAsync();
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("cancel", id)).ExitCode);
        var watched = await host.CallAsync("watch", id);
        Assert.Equal(ExitCodes.Failed, watched.ExitCode);
        Assert.Contains("cancelled", watched.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_that_failed_for_its_token_goes_on_when_resumed()
    {
        host.RunComfy.Inject(new(ApiCall.Submit, FaultKind.BadToken));
        var id = await host.SubmitAsync();
        Assert.Equal(ExitCodes.Failed, (await host.CallAsync("watch", id)).ExitCode);
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("resume", id)).ExitCode);
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("watch", id)).ExitCode);
    }

    [Fact]
    public async Task A_job_in_doubt_goes_on_with_the_request_id_that_its_owner_found()
    {
        host.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: true));
        var id = await host.SubmitAsync();
        var failed = await host.CallAsync("watch", id);
        Assert.Contains("submission_in_doubt", failed.Out, StringComparison.Ordinal);
        var requestId = host.RunComfy.Account.Accepted[^1].RequestId;
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("resume", id, "--request-id", requestId)).ExitCode);
        var watched = await host.CallAsync("watch", id);
        Assert.Equal(ExitCodes.Success, watched.ExitCode);
        Assert.Contains(requestId, watched.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redeliver_tells_the_receivers_again()
    {
        var id = await host.SubmitAsync("--webhook", host.Receiver.Url);
        await host.CallAsync("watch", id);
        await ReceivedAsync(id, times: 1);
        while ((await host.CallAsync("redeliver", id)).ExitCode is ExitCodes.BadData) await Task.Delay(5, TestContext.Current.CancellationToken);
        await ReceivedAsync(id, times: 2);
    }

    [Fact]
    public async Task What_can_not_be_done_is_said_in_the_hosts_own_sentence()
    {
        var id = await host.SubmitAsync();
        await host.CallAsync("watch", id);
        var called = await host.CallAsync("resume", id);
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        Assert.Contains("only a failed one can be resumed", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_json_stdout_is_JSON_and_nothing_else()
    {
        var submitted = await host.CallAsync(["submit", "--json", .. host.GoodRequest]);
        var id = submitted.Json.GetProperty("id").GetString()!;
        var watched = await host.CallAsync("watch", id, "--json");
        Assert.Equal("succeeded", watched.Json.GetProperty("status").GetString());
        Assert.Contains("succeeded", watched.Error, StringComparison.Ordinal);
        Assert.Equal(id, (await host.CallAsync("status", id, "--json")).Json.GetProperty("id").GetString());
        Assert.NotEmpty((await host.CallAsync("list", "--json")).Json.GetProperty("videos").EnumerateArray());
        Assert.True((await host.CallAsync(["validate", "--json", .. host.GoodRequest])).Json.GetProperty("valid").GetBoolean());
        Assert.Equal("not_cancellable", (await host.CallAsync("cancel", id, "--json")).Json.GetProperty("code").GetString());
        Assert.Equal("not_resumable", (await host.CallAsync("resume", id, "--json")).Json.GetProperty("code").GetString());
        Assert.Equal("nothing_to_redeliver", (await host.CallAsync("redeliver", id, "--json")).Json.GetProperty("code").GetString());
        Assert.Equal("invalid_request", (await host.CallAsync("submit", "--json", "--prompt", " ")).Json.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_wrong_key_is_a_matter_of_permission()
    {
        var called = await Called.WithAsync("list", "--url", host.Url, "--key", "not-the-key-at-all");
        Assert.Equal(ExitCodes.NoPermission, called.ExitCode);
        Assert.Contains("x-functions-key", called.Error, StringComparison.Ordinal);
    }

    private async Task ReceivedAsync(string id, int times)
    {
        while (host.Receiver.Received.Count(w => w.Json.GetProperty("data").GetProperty("id").GetString() == id) < times)
            await Task.Delay(5, TestContext.Current.CancellationToken);
    }
}
