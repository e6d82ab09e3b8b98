using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class ServeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-serve-");

    private string[] Serve => ["serve", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken"];

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_host_says_what_it_is_and_serves_until_it_is_ended()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var (output, error) = (new Transcript(), new Transcript());
        var serving = CommandLine.RunAsync(
            [.. Serve, "--RunComfy:BaseUrl", "http://127.0.0.1:9", "--Local:ApiKey", "a-key-of-the-tests"], Called.On(output, error), end.Token);
        await output.HasAsync("Ctrl-C");
        var said = output.ToString();
        Assert.Contains("a simulator, nothing is paid", said, StringComparison.Ordinal);
        Assert.Contains(_folder.FullName, said, StringComparison.Ordinal);
        Assert.DoesNotContain("t0ken", said, StringComparison.Ordinal);
        Assert.DoesNotContain("a-key-of-the-tests", said, StringComparison.Ordinal);

        var url = said.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Equal(ExitCodes.Success, (await Called.WithAsync("list", "--url", url, "--key", "a-key-of-the-tests")).ExitCode);
        Assert.Equal(ExitCodes.Configuration, (await Called.WithAsync(Serve)).ExitCode); // A second host on the same data.
        await end.CancelAsync();
        Assert.Equal(ExitCodes.Success, await serving);
        Assert.Empty(error.ToString());
    }

    [Fact]
    public async Task Simulated_host_needs_no_token_and_takes_the_call_that_it_prints()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var (output, error) = (new Transcript(), new Transcript());
        var serving = CommandLine.RunAsync(
            ["serve", "--simulate", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName], Called.On(output, error), end.Token);
        await output.HasAsync("Ctrl-C");
        var said = output.ToString();
        Assert.Contains("a simulator, nothing is paid", said, StringComparison.Ordinal);
        Assert.DoesNotContain("costs money", said, StringComparison.Ordinal);
        var printed = System.Text.RegularExpressions.Regex.Match(said, "--json '(?<body>.+)' (?<url>http://[^/]+)/api/videos/validate");
        var checkedFree = await Called.WithAsync(["validate", "--input", "-", "--url", printed.Groups["url"].Value], printed.Groups["body"].Value);
        Assert.Equal((ExitCodes.Success, ""), (checkedFree.ExitCode, error.ToString()));
        await end.CancelAsync();
        Assert.Equal(ExitCodes.Success, await serving);
    }

    [Fact]
    public async Task The_real_RunComfy_is_named_with_its_price()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var output = new Transcript();
        var serving = CommandLine.RunAsync(Serve, Called.On(output, new Transcript()), end.Token);
        await output.HasAsync("Ctrl-C");
        await end.CancelAsync();
        await serving;
        Assert.Contains("the real RunComfy: a submission costs money", output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("RunComfy:ApiToken", "")]
    [InlineData("RunComfy:BaseUrl", "nonsense")]
    [InlineData("Pipeline:PollMin", "00:00:00")]
    [InlineData("Pipeline:PollMin", "soon")]
    [InlineData("Pipeline:MaxJobPerDay", "1")]
    [InlineData("Pipelines:MaxJobsPerDay", "1")]
    [InlineData("Locals:ApiKey", "a-key-of-the-tests")]
    [InlineData("Local:Key", "a-key-of-the-tests")]
    [InlineData("Limits:MaxJobs", "1")]
    [InlineData("Storage:MaxVideoBytes", "2GB")]
    [InlineData("Webhooks:Secret", "short")]
    [InlineData("Local:ApiKey", "short")]
    public async Task A_wrong_setting_is_named_in_one_sentence(string key, string value)
    {
        var called = await Called.WithAsync([.. Serve, $"--{key}", value]);
        Assert.Equal(ExitCodes.Configuration, called.ExitCode);
        Assert.Contains(key, Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", "no cap on jobs a day or at one time: Pipeline:MaxJobsPerDay and Pipeline:MaxInFlight set one")]
    [InlineData("7", "7 jobs a day; no cap on jobs at one time (Pipeline:MaxInFlight)")]
    public async Task Caps_are_shown_at_the_start(string cap, string shown)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var output = new Transcript();
        var serving = CommandLine.RunAsync([.. Serve, "--Pipeline:MaxJobsPerDay", cap], Called.On(output, new Transcript()), end.Token);
        await output.HasAsync("Ctrl-C");
        await end.CancelAsync();
        await serving;
        Assert.Contains(shown, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_wrong_settings_are_named_together()
    {
        var called = await Called.WithAsync([.. Serve, "--Pipeline:PollMin", "00:00:00", "--Storage:MaxVideoBytes", "-1"]);
        Assert.Equal(ExitCodes.Configuration, called.ExitCode);
        Assert.Contains("Pipeline:PollMin", called.Error, StringComparison.Ordinal);
        Assert.Contains("Storage:MaxVideoBytes", called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense", ExitCodes.Configuration)]
    [InlineData("http://127.0.0.1:99999", ExitCodes.Configuration)]
    [InlineData("http://0.0.0.0:0", ExitCodes.Configuration)]
    public async Task An_address_that_can_not_be_listened_on_is_told_of(string url, int exitCode)
    {
        var called = await Called.WithAsync("serve", "--urls", url, "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken");
        Assert.Equal(exitCode, called.ExitCode);
        Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task An_address_that_is_taken_is_told_of()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job());
        var called = await Called.WithAsync("serve", "--urls", stub.Url, "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains("--urls", called.Error, StringComparison.Ordinal);
    }
}
