using System.Text.RegularExpressions;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class ArgumentTests
{
    [Theory]
    [InlineData]
    [InlineData("dance")]
    [InlineData("status")]
    [InlineData("submit")]
    [InlineData("submit", "--prompt", "rain", "--input", "rain.json")]
    [InlineData("submit", "--prompt", "rain", "--imgae", "https://example.com/a.png")]
    [InlineData("resume", "vid_1", "--request-id", "r", "--resubmit")]
    [InlineData("serve", "--dta", "elsewhere")]
    [InlineData("serve", "Pipeline:PollMin", "00:00:01")]
    [InlineData("serve", "--Pipeline:PollMin")]
    public async Task Wrong_arguments_exit_with_usage(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.NotEmpty(called.Error);
    }

    [Theory]
    [InlineData("'submit'", "submitt", "--prompt", "rain")]
    [InlineData("'--prompt'", "submit", "--promt", "rain")]
    [InlineData("'--json'", "cancel", "vid_1", "--jsno")]
    [InlineData("'subscriptions'", "subscription")]
    [InlineData("'--status'", "list", "--stat", "failed")]
    [InlineData("'completion'", "comp", "bash")]
    [InlineData("'--delete'", "subscriptions", "--delte", "sub_1")]
    public async Task Misspelt_word_is_answered_with_the_nearest_one(string meant, params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains($"Did you mean {meant}?", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Misspelt_option_of_serve_is_answered_with_the_nearest_one()
    {
        var called = await Called.WithAsync("serve", "--simulat");
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("did you mean --simulate?", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_verb_that_calls_a_host_has_JSON_output()
    {
        string[] own = ["demo", "serve", "mcp", "completion"];
        var help = (await Called.WithAsync("--help")).Out;
        var verbs = Regex.Matches(help[help.IndexOf("Commands:", StringComparison.Ordinal)..], @"(?m)^  (\w+)\b").Select(verb => verb.Groups[1].Value).Except(own).ToList();
        Assert.Contains("download", verbs);
        foreach (var verb in verbs) Assert.Contains("--json", (await Called.WithAsync(verb, "--help")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_option_is_never_read_as_a_job_id()
    {
        var called = await Called.WithAsync("cancel", "--all");
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("--all", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_lists_every_exit_code()
    {
        var said = (await Called.WithAsync("--help")).Out;
        var codes = typeof(ExitCodes).GetFields().Where(field => field.FieldType == typeof(int)).Select(field => (int)field.GetRawConstantValue()!);
        Assert.All(codes, code => Assert.Matches($@"(?m)^ +{code} ", said));
    }

    [Theory]
    [InlineData("help")]
    [InlineData("help", "submit")]
    [InlineData("--help")]
    [InlineData("submit", "--help")]
    [InlineData("serve", "--help")]
    public async Task Help_exits_with_success(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Contains("Usage:", called.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_request_file_is_missing_input() =>
        Assert.Equal(ExitCodes.NoInput, (await Called.WithAsync("submit", "--input", "/there/is/no/such/file.json")).ExitCode);

    [Fact]
    public async Task Prompt_that_begins_with_an_at_sign_is_a_prompt()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(), 202);
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("submit", "--prompt", "@Element1")).ExitCode);
    }

    [Fact]
    public void Settings_are_separated_by_a_space_or_an_equals_sign()
    {
        var settings = ServeCommand.Settings(["--Pipeline:PollMin", "00:00:01", "--RunComfy:ApiToken=a=b", "--Webhooks:Schedule:0", "--"]);
        Assert.Equal("00:00:01", settings["pipeline:pollmin"]);
        Assert.Equal("a=b", settings["RunComfy:ApiToken"]);
        Assert.Equal("--", settings["Webhooks:Schedule:0"]);
    }
}
