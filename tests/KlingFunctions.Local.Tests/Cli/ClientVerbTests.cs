using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Simulator;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class ClientVerbTests(RunningHost host) : IClassFixture<RunningHost>, IAsyncLifetime
{
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Waits until the host is idle, so that no job of this test meets the next test's changes of the provider.</summary>
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
    public async Task Submit_uploads_files_of_this_machine()
    {
        using var http = new HttpClient();
        var files = new Dictionary<string, string>();
        foreach (var name in new[] { "robot-front.png", "robot-side.jpg", "valley.webp" })
        {
            files[name] = Path.Combine(host.Folder, name);
            await File.WriteAllBytesAsync(files[name], await http.GetByteArrayAsync(new Uri(host.Image(name)), TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        }
        var called = await host.CallAsync(
            "submit", "--prompt", "@Element1 walks through @Image1", "--image", files["valley.webp"],
            "--element", $"{files["robot-front.png"]},{files["robot-side.jpg"]}", "--watch");
        Assert.Equal(0, called.ExitCode);
        Assert.Contains(host.RunComfy.Account.Accepted, paid => paid.Input.GetProperty("image_urls").EnumerateArray().Any(url => url.GetString()!.Contains("/assets/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Submit_prints_the_id_on_stdout_and_the_price_on_stderr()
    {
        var called = await host.CallAsync(["submit", .. host.GoodRequest]);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Matches("^vid_[0-9a-f]{32}$", Assert.Single(called.Lines));
        Assert.Contains("Price: simulated, nothing is paid.", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_reads_a_whole_request_from_stdin()
    {
        var request = new JsonObject { ["prompt"] = "@Image1 in the rain", ["elements"] = new JsonArray(), ["image_urls"] = new JsonArray(host.Image("valley.webp")) };
        var called = await host.CallAsync(["submit", "--input", "-", "--json"], request.ToJsonString());
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Equal("@Image1 in the rain", called.Json.GetProperty("request").GetProperty("prompt").GetString());
    }

    [Fact]
    public async Task Submit_reads_a_whole_request_from_a_file()
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
    public async Task Same_idempotency_key_is_the_same_job()
    {
        var first = await host.SubmitAsync("--idempotency-key", "one-of-mine");
        Assert.Equal(first, await host.SubmitAsync("--idempotency-key", "one-of-mine"));
        Assert.NotEqual(first, await host.SubmitAsync());
    }

    [Fact]
    public async Task Batch_from_a_file_is_summarized_and_a_bad_request_stops_no_other()
    {
        var file = Path.Combine(host.Folder, "orders.jsonl");
        await File.WriteAllTextAsync(file, "{\"prompt\": \"rain\"}\n{\"prompt\": \"\"}\n{\"prompt\": \"snow\"}\n", TestContext.Current.CancellationToken);
        var called = await host.CallAsync("submit", "--batch", file);
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        var batch = Assert.Single(called.Lines);
        Assert.Matches("^bat_[0-9a-f]{32}$", batch);
        Assert.Contains("3 requests: 2 accepted, 1 refused.", called.Error, StringComparison.Ordinal);
        Assert.Matches(@"Request 2: [^\n]+\n +/prompt ", called.Error);

        var watched = await host.CallAsync("watch", batch);
        Assert.Equal(ExitCodes.Success, watched.ExitCode);
        Assert.Matches("Succeeded +2", watched.Out);
        Assert.Matches("Refused +1", (await host.CallAsync("status", batch)).Out);
        Assert.Equal(2, (await host.CallAsync("list", "--batch", batch, "--json")).Json.GetProperty("videos").GetArrayLength());
        var page = await host.CallAsync("list", "--batch", batch, "--limit", "1");
        Assert.Contains($"list --batch {batch} --limit 1 --cursor ", page.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_from_stdin_is_watched_and_its_failed_jobs_resumed_together()
    {
        host.RunComfy.Inject(new(ApiCall.Submit, FaultKind.BadToken, Times: 2));
        var key = Guid.NewGuid().ToString();
        var called = await host.CallAsync(["submit", "--batch", "-", "--watch", "--json", "--idempotency-key", key], """[{"prompt":"rain"},{"prompt":"snow"}]""");
        Assert.Equal(ExitCodes.Failed, called.ExitCode);
        var batch = called.Json.GetProperty("id").GetString()!;
        var resumed = await host.CallAsync("resume", "--batch", batch, "--status", "failed");
        Assert.Equal((ExitCodes.Success, 2), (resumed.ExitCode, resumed.Lines.Length));
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("watch", batch)).ExitCode);
        var again = await host.CallAsync(["submit", "--batch", "-", "--idempotency-key", key], "{\"prompt\":\"rain\"}\n{\"prompt\":\"snow\"}\n");
        Assert.Equal(batch, Assert.Single(again.Lines));
    }

    [Fact]
    public async Task Each_of_several_ids_is_answered_and_filters_without_a_match_say_so()
    {
        var id = await host.SubmitAsync();
        await host.CallAsync("watch", id);
        var called = await host.CallAsync("cancel", id, "vid_00000000000000000000000000000000");
        Assert.Equal((ExitCodes.BadData, 2), (called.ExitCode, called.Lines.Length));
        Assert.Contains("0 accepted, 2 refused", called.Error, StringComparison.Ordinal);
        var none = await host.CallAsync("redeliver", "--batch", $"bat_{new string('0', 32)}");
        Assert.Equal(ExitCodes.Success, none.ExitCode);
        Assert.Contains("No job matches.", none.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cancel")]
    [InlineData("cancel", "vid_1", "--status", "in_queue")]
    [InlineData("resume", "vid_1", "vid_2", "--resubmit")]
    [InlineData("submit", "--batch", "x.jsonl", "--prompt", "rain")]
    [InlineData("submit", "--batch", "x.jsonl", "--output", "x.mp4")]
    public async Task Arguments_that_contradict_each_other_are_refused(params string[] args) =>
        Assert.Equal(ExitCodes.Usage, (await host.CallAsync(args)).ExitCode);

    [Fact]
    public async Task Watched_job_is_shown_to_its_end_and_its_video_saved()
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
    public async Task Validate_reports_a_valid_request_and_pays_nothing()
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
    public async Task Warnings_are_listed_and_do_not_fail_the_command()
    {
        var called = await host.CallAsync("validate", "--prompt", "nothing but rain", "--image", host.Image("valley.webp"));
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Matches("/image_urls/0 +The prompt never refers to this image", called.Error);
    }

    [Fact]
    public async Task Status_shows_a_job_and_list_shows_all()
    {
        var id = await host.SubmitAsync();
        Assert.Contains(id, (await host.CallAsync("status", id)).Out, StringComparison.Ordinal);
        Assert.Contains(id, (await host.CallAsync("list")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_continues_where_its_first_page_ends()
    {
        var (older, newer) = (await host.SubmitAsync(), await host.SubmitAsync());
        var first = await host.CallAsync("list", "--limit", "1", "--json");
        Assert.Equal(newer, first.Json.GetProperty("videos")[0].GetProperty("id").GetString());
        Assert.Contains("--cursor", first.Error, StringComparison.Ordinal);
        var second = await host.CallAsync("list", "--limit", "1", "--cursor", first.Json.GetProperty("next_cursor").GetString()!);
        Assert.Contains(older, second.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Queued_job_is_cancelled_and_watch_then_ends_with_1()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { Slots = 0 };
        var id = await host.SubmitAsync();
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("cancel", id)).ExitCode);
        var watched = await host.CallAsync("watch", id);
        Assert.Equal(ExitCodes.Failed, watched.ExitCode);
        Assert.Contains("cancelled", watched.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_with_a_refused_token_continues_when_resumed()
    {
        host.RunComfy.Inject(new(ApiCall.Submit, FaultKind.BadToken));
        var id = await host.SubmitAsync();
        Assert.Equal(ExitCodes.Failed, (await host.CallAsync("watch", id)).ExitCode);
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("resume", id)).ExitCode);
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("watch", id)).ExitCode);
    }

    [Fact]
    public async Task Job_in_doubt_continues_with_the_request_id_that_its_owner_found()
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
    public async Task Redeliver_notifies_the_receivers_again()
    {
        var id = await host.SubmitAsync("--webhook", host.Receiver.Url);
        await host.CallAsync("watch", id);
        await ReceivedAsync(id, times: 1);
        while ((await host.CallAsync("redeliver", id)).ExitCode is ExitCodes.BadData) await Task.Delay(5, TestContext.Current.CancellationToken);
        await ReceivedAsync(id, times: 2);
    }

    [Fact]
    public async Task Download_saves_the_video_of_a_succeeded_job()
    {
        var id = await host.SubmitAsync();
        await host.CallAsync("watch", id);
        var file = Path.Combine(host.Folder, "downloaded.mp4");
        var called = await host.CallAsync("download", id, "--output", file);
        Assert.Equal((ExitCodes.Success, $"{file}\n"), (called.ExitCode, called.Out));
        var video = (await host.CallAsync("status", id, "--json")).Json.GetProperty("video");
        Assert.Equal(video.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
        Assert.Equal(id, (await host.CallAsync("download", id, "--output", file, "--name", "video", "--json")).Json.GetProperty("id").GetString());
        var missing = await host.CallAsync("download", id, "--output", file, "--name", "poster");
        Assert.Equal(ExitCodes.BadData, missing.ExitCode);
        Assert.Contains("It has: video.", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Subscriptions_are_added_listed_and_deleted()
    {
        var url = $"{host.Receiver.Url}?token=s3cr3t";
        var added = await host.CallAsync("subscriptions", "--add", url, "--events", "video.failed");
        Assert.Equal(ExitCodes.Success, added.ExitCode);
        var id = added.Out.Trim();
        Assert.Contains($"kling subscriptions --delete {id}", added.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", added.Out + added.Error, StringComparison.Ordinal);
        Assert.Equal(id, (await host.CallAsync("subscriptions", "--add", url, "--events", "video.failed", "--json")).Json.GetProperty("id").GetString());
        var fields = Assert.Single((await host.CallAsync("subscriptions")).Lines).Split('\t');
        Assert.Equal((id, "video.failed"), (fields[0], fields[2]));
        Assert.Equal(ExitCodes.Success, (await host.CallAsync("subscriptions", "--delete", id)).ExitCode);
        Assert.Empty((await host.CallAsync("subscriptions", "--json")).Json.GetProperty("subscriptions").EnumerateArray());
    }

    [Fact]
    public async Task Refusal_is_printed_with_the_hosts_own_message()
    {
        var id = await host.SubmitAsync();
        await host.CallAsync("watch", id);
        var called = await host.CallAsync("resume", id);
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        Assert.Contains("only a failed one can be resumed", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_json_stdout_is_only_JSON()
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
    public async Task Wrong_key_exits_with_no_permission()
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
