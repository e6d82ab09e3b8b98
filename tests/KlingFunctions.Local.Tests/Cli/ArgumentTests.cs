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
    public async Task Wrong_arguments_are_wrong_usage(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.NotEmpty(called.Error);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("submit", "--help")]
    [InlineData("serve", "--help")]
    public async Task Help_is_no_failure(params string[] args)
    {
        var called = await Called.WithAsync(args);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Contains("Usage:", called.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_not_there_is_missing_input() =>
        Assert.Equal(ExitCodes.NoInput, (await Called.WithAsync("submit", "--input", "/there/is/no/such/file.json")).ExitCode);

    [Fact]
    public async Task A_prompt_that_begins_with_an_at_sign_is_a_prompt()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(), 202);
        Assert.Equal(ExitCodes.Success, (await stub.CallAsync("submit", "--prompt", "@Element1")).ExitCode);
    }

    [Fact]
    public void Settings_come_with_a_space_or_an_equals_sign()
    {
        var settings = ServeCommand.Settings(["--Pipeline:PollMin", "00:00:01", "--RunComfy:ApiToken=a=b", "--Webhooks:Schedule:0", "--"]);
        Assert.Equal("00:00:01", settings["pipeline:pollmin"]);
        Assert.Equal("a=b", settings["RunComfy:ApiToken"]);
        Assert.Equal("--", settings["Webhooks:Schedule:0"]);
    }
}
