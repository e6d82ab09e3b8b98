using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>The text about a job, from any host.</summary>
public sealed class JobTextTests
{
    [Fact]
    public async Task Failed_webhook_is_shown_with_its_reason_and_its_next_try()
    {
        var job = StubHost.Job("succeeded");
        job["notifications"] = new JsonArray(new JsonObject
        {
            ["receiver"] = "example.com",
            ["state"] = "pending",
            ["attempts"] = 2,
            ["next_attempt_at"] = "2026-01-01T09:00:00Z",
            ["reason"] = "The receiver answered HTTP 503.",
        });
        var said = await StatusAsync(job);
        Assert.Contains("to example.com: pending, tries: 2", said, StringComparison.Ordinal);
        Assert.Contains("The receiver answered HTTP 503.", said, StringComparison.Ordinal);
        Assert.Contains("The next try is at 2026-01-01 09:00:00Z.", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_in_doubt_shows_the_commands_that_resolve_it()
    {
        var job = StubHost.Job("failed");
        job["error"] = new JsonObject
        {
            ["code"] = "submission_in_doubt",
            ["message"] = "If it is there, resume the job with {\"request_id\": \"…\"}; if it is not, resume it with {\"resubmit\": true}.",
        };
        var said = await StatusAsync(job);
        Assert.Matches("'kling resume vid_1 --request-id ID --url http://[^ ]+'", said);
        Assert.Matches("'kling resume vid_1 --resubmit --url http://[^ ]+'", said);
        Assert.DoesNotContain("{", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_that_started_a_job_is_named_in_status_and_list()
    {
        var job = StubHost.Job("succeeded");
        job["upload"] = "shoes/red.json";
        Assert.Contains("shoes/red.json", await StatusAsync(job), StringComparison.Ordinal);
        await using var stub = await StubHost.StartAsync(new JsonObject { ["videos"] = new JsonArray(job.DeepClone()) });
        Assert.Contains("shoes/red.json", (await stub.CallAsync("list")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_that_ended_before_the_watch_is_shown_with_its_own_times()
    {
        var job = StubHost.Job("succeeded");
        job["updated_at"] = "2026-01-01T08:00:11Z";
        await using var stub = await StubHost.StartAsync(job);
        Assert.Contains("11.0 s", (await stub.CallAsync("watch", "vid_1")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_for_other_programs_has_a_line_per_job_with_tabs_between_fields()
    {
        var job = StubHost.Job("succeeded");
        job["request"]!["prompt"] = "rain\tand\nmore rain, " + new string('x', 200);
        await using var stub = await StubHost.StartAsync(new JsonObject { ["videos"] = new JsonArray(job) });
        var line = Assert.Single((await stub.CallAsync("list")).Lines);
        Assert.Equal(["vid_1", "succeeded", "2026-01-01 08:00:00Z", "rain and more rain, " + new string('x', 200)], line.Split('\t'));
    }

    [Fact]
    public async Task Empty_list_writes_nothing_to_stdout()
    {
        await using var stub = await StubHost.StartAsync(new JsonObject { ["videos"] = new JsonArray() });
        Assert.Equal(("", "No jobs.\n"), await stub.CallAsync("list") is var called ? (called.Out, called.Error) : default);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("watch")]
    public async Task Expected_end_is_shown(string verb)
    {
        var job = StubHost.Job("in_progress");
        job["expected_at"] = "2026-01-01T08:03:00Z";
        await using var stub = await StubHost.StartAsync((http, number) => StubHost.AnswerAsync(http, verb is "watch" && number > 2 ? StubHost.Job("succeeded") : job.DeepClone()));
        Assert.Matches("(?i)expected.* 2026-01-01 08:03:00Z", (await stub.CallAsync(verb, "vid_1")).Out);
    }

    [Theory]
    [InlineData(null, "KLING_KEY")]
    [InlineData("wrong", "refuses this key")]
    public async Task Missing_key_and_wrong_key_have_different_messages(string? key, string says)
    {
        await using var stub = await StubHost.StartAsync((http, _) =>
        {
            http.Response.StatusCode = 401;
            return Task.CompletedTask;
        });
        var called = await stub.CallAsync(key is null ? ["list"] : ["list", "--key", key]);
        Assert.Equal(ExitCodes.NoPermission, called.ExitCode);
        Assert.Contains(says, called.Error, StringComparison.Ordinal);
        Assert.Contains("--key", called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, "A fox walks through", 17)]
    [InlineData(80, "雪の中を歩くキツネの長い物語の始まり", 6)]
    [InlineData(120, "A fox walks through the snow at dawn", 30)]
    public void List_fits_the_terminal_and_shows_each_prompt_on_one_line(int columns, string prompt, int shown)
    {
        var job = StubHost.Job("in_progress");
        job["id"] = "vid_b154b66e5dea1e3aa1dfc862a176603e";
        job["request"]!["prompt"] = $"{prompt} and much more of it, so that no line holds it all";
        var resource = new Answer("", System.Text.Encoding.UTF8.GetBytes(job.ToJsonString())).As<VideoResource>();
        using var text = new StringWriter();
        JobText.List(AnsiConsole.Create(new AnsiConsoleSettings { Out = new Screen(text, columns), Ansi = AnsiSupport.No }), [resource, resource]);
        var lines = text.ToString().Split('\n');
        Assert.All(lines, line => Assert.InRange(line.TrimEnd().GetCellWidth(), 0, columns));
        Assert.Equal(2, lines.Count(line => line.Contains(prompt[..shown], StringComparison.Ordinal)));
        Assert.Equal(columns >= 100, text.ToString().Contains("2026-01-01 08:00:00Z", StringComparison.Ordinal));
    }

    private static async Task<string> StatusAsync(JsonObject job)
    {
        await using var stub = await StubHost.StartAsync(job);
        return (await stub.CallAsync("status", "vid_1")).Out;
    }
}

/// <summary>A terminal of this width.</summary>
file sealed class Screen(TextWriter writer, int columns) : IAnsiConsoleOutput
{
    public TextWriter Writer => writer;

    public bool IsTerminal => true;

    public int Width => columns;

    public int Height => 24;

    public void SetEncoding(System.Text.Encoding encoding)
    {
    }
}
