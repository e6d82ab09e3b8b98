using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Mistakes of a new user: each gets the sentence that helps, and the right exit code.</summary>
public sealed class FirstStepsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-steps-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("missing.png", "There is no file")]
    [InlineData("./missing.png", "There is no file")]
    [InlineData("C:\\missing.png", "There is no file")]
    [InlineData("", "names no image")]
    public async Task Image_that_is_no_file_and_no_URL_is_named_before_the_host_is_called(string image, string says)
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(), 202);
        foreach (var option in new[] { "--image", "--element" })
        {
            var called = await stub.CallAsync("submit", "--prompt", "rain", option, image);
            Assert.Equal(ExitCodes.NoInput, called.ExitCode);
            Assert.Contains(says, called.Error, StringComparison.Ordinal);
        }
        Assert.Empty(stub.Calls);
    }

    [Theory]
    [InlineData("https://example.com/a.png")]
    [InlineData("asset:0000")]
    public async Task Image_with_a_scheme_is_left_to_the_host(string image)
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(), 202);
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("submit", "--prompt", "rain", "--image", image)).ExitCode);
    }

    [Fact]
    public async Task Folder_and_empty_file_are_named_as_what_they_are()
    {
        var empty = Path.Combine(_folder.FullName, "empty.png");
        await File.WriteAllBytesAsync(empty, [], TestContext.Current.CancellationToken);
        await using var stub = await StubHost.StartAsync(StubHost.Job(), 202);
        Assert.Contains("is a folder", (await stub.CallAsync("submit", "--prompt", "rain", "--image", _folder.FullName)).Error, StringComparison.Ordinal);
        Assert.Contains("is a folder", (await stub.CallAsync("submit", "--input", _folder.FullName)).Error, StringComparison.Ordinal);
        Assert.Contains("is empty", (await stub.CallAsync("submit", "--prompt", "rain", "--image", empty)).Error, StringComparison.Ordinal);
        Assert.Empty(stub.Calls);
    }

    [Theory]
    [InlineData("submit", "--prompt", "rain", "--output", "-")]
    [InlineData("watch", "vid_1", "--output", "-")]
    [InlineData("download", "vid_1", "--output", "-")]
    public async Task Dash_is_not_taken_for_a_file_to_save_in(params string[] args)
    {
        var job = StubHost.Job("succeeded");
        job["outputs"] = new JsonArray(new JsonObject { ["name"] = "video", ["url"] = "http://127.0.0.1/", ["content_type"] = "video/mp4", ["size_bytes"] = 1, ["sha256"] = "00" });
        job["video"] = job["outputs"]![0]!.DeepClone();
        await using var stub = await StubHost.StartAsync(job, 200);
        var called = await stub.CallAsync(args);
        Assert.Equal(ExitCodes.CantCreate, called.ExitCode);
        Assert.Contains("stdout", called.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(stub.Calls, call => call.Method == "POST");
    }

    [Fact]
    public async Task Watch_finds_an_unusable_output_before_it_watches()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job("succeeded"));
        var called = await stub.CallAsync("watch", "vid_1", "--output", _folder.FullName);
        Assert.Equal(ExitCodes.CantCreate, called.ExitCode);
        Assert.Contains("is a folder", called.Error, StringComparison.Ordinal);
        Assert.Empty(stub.Calls);
    }

    [Theory]
    [InlineData("status", "")]
    [InlineData("watch", " ")]
    [InlineData("download", "")]
    [InlineData("cancel", "")]
    [InlineData("resume", "vid_1", "")]
    [InlineData("subscriptions", "--delete", "")]
    [InlineData("cancel", "--batch", "")]
    [InlineData("list", "--batch", "")]
    [InlineData("list", "--status", "")]
    [InlineData("submit", "--prompt", "rain", "--webhook", "")]
    [InlineData("submit", "--prompt", "rain", "--idempotency-key", " ")]
    [InlineData("validate", "--prompt", "rain", "--duration", "")]
    public async Task Empty_variable_in_place_of_an_id_is_wrong_usage(params string[] args)
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job());
        var called = await stub.CallAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("empty", called.Error, StringComparison.Ordinal);
        Assert.Empty(stub.Calls);
    }

    [Theory]
    [InlineData("listen", "--port", "abc")]
    [InlineData("listen", "--port", "99999999999")]
    public async Task Value_of_another_type_is_wrong_usage(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("--port", called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("help", "submitt")]
    [InlineData("submitt", "--help")]
    public async Task Help_for_an_unknown_verb_suggests_the_nearest_one(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("Did you mean 'submit'?", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deletion_of_an_unknown_subscription_is_not_a_success()
    {
        await using var stub = await StubHost.StartAsync(Problem(404, "not_found", "There is no subscription 'sub_1': it may have been deleted already."), 404);
        var called = await stub.CallAsync("subscriptions", "--delete", "sub_1");
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        Assert.Contains("There is no subscription 'sub_1'", called.Error, StringComparison.Ordinal);
        Assert.Contains("kling subscriptions --url", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_job_is_answered_with_the_command_that_lists_jobs()
    {
        await using var stub = await StubHost.StartAsync(Problem(404, "not_found", "There is no video 'vid_1' here. Check the id; GET /api/videos lists those that there are."), 404);
        var called = await stub.CallAsync("status", "vid_1");
        Assert.Contains($"Check the id. List the jobs with: kling list --url {stub.Url}", called.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("GET ", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_jobs_among_several_are_answered_with_the_command_too()
    {
        var item = new JsonObject { ["id"] = "vid_1", ["problem"] = Problem(404, "not_found", "There is no video 'vid_1' here. Check the id; GET /api/videos lists those that there are.") };
        await using var stub = await StubHost.StartAsync(new JsonObject { ["videos"] = new JsonArray(item) });
        Assert.Contains($"kling list --url {stub.Url}", (await stub.CallAsync("cancel", "vid_1", "vid_2")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_program_at_the_address_is_not_a_refused_request()
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        Assert.Equal(ExitCodes.Unavailable, (await stub.CallAsync("list")).ExitCode);
    }

    [Fact]
    public async Task Password_in_the_address_is_refused_and_not_shown()
    {
        var called = await Called.WithAsync("list", "--url", "http://me:s3cr3t@127.0.0.1:9");
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("KLING_KEY", called.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Https_to_a_host_that_speaks_http_is_told()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job());
        var called = await Called.WithAsync("list", "--url", stub.Url.Replace("http:", "https:", StringComparison.Ordinal));
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.DoesNotContain("inner exception", called.Error, StringComparison.Ordinal);
        Assert.Contains("http:", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_without_an_accepted_request_suggests_no_watch()
    {
        await using var host = new RunningHost();
        await host.InitializeAsync();
        var called = await host.CallAsync(["submit", "--batch", "-"], "oops\n");
        Assert.Equal(ExitCodes.BadData, called.ExitCode);
        Assert.DoesNotContain("kling watch", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Warning_of_the_request_is_not_the_reason_of_a_wait()
    {
        var job = StubHost.Job("submitting");
        job["warnings"] = new JsonArray(new JsonObject { ["pointer"] = "", ["code"] = "no_reference_images", ["message"] = "There are neither elements nor image_urls." });
        await using var stub = await StubHost.StartAsync((http, call) =>
        {
            if (call > 1) job["status"] = "failed";
            return StubHost.AnswerAsync(http, job);
        });
        Assert.DoesNotContain("not accepted by RunComfy yet", (await stub.CallAsync("watch", "vid_1")).Out, StringComparison.Ordinal);
    }

    private static JsonObject Problem(int status, string code, string detail) => new()
    {
        ["type"] = $"urn:klingfunctions:problem:{code}",
        ["title"] = "Not found",
        ["status"] = status,
        ["detail"] = detail,
        ["code"] = code,
    };
}
