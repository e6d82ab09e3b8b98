using System.Text.RegularExpressions;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class ServeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-serve-");

    private string[] Serve => ["serve", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken"];

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Host_prints_its_facts_and_serves_until_it_is_stopped()
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
    public async Task Simulated_host_needs_no_token_and_accepts_the_call_that_it_prints()
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var (output, error) = (new Transcript(), new Transcript());
        var serving = CommandLine.RunAsync(
            ["serve", "--simulate", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName, "--Simulator:QueueTime", "00:00:00", "--Simulator:RunTime", "00:00:00"],
            Called.On(output, error), end.Token);
        await output.HasAsync("Ctrl-C");
        var said = output.ToString();
        Assert.Contains("a simulator, nothing is paid", said, StringComparison.Ordinal);
        Assert.DoesNotContain("costs money", said, StringComparison.Ordinal);
        var printed = Regex.Match(said, "--json '(?<body>.+)' (?<url>http://[^/]+)/api/videos\n");
        var checkedFree = await Called.WithAsync(["validate", "--input", "-", "--url", printed.Groups["url"].Value], printed.Groups["body"].Value);
        Assert.Equal((ExitCodes.Success, ""), (checkedFree.ExitCode, error.ToString()));
        var command = Regex.Match(said, "kling submit --prompt '(?<prompt>[^']+)' --image (?<image>[^ ]+) --watch --url (?<url>[^ \n]+)\n");
        var pasted = await Called.WithAsync(
            ["submit", "--prompt", command.Groups["prompt"].Value, "--image", command.Groups["image"].Value, "--watch", "--url", command.Groups["url"].Value],
            "", TimeProvider.System);
        Assert.Equal(ExitCodes.Success, pasted.ExitCode);
        Assert.Contains("Price: simulated, nothing is paid.", pasted.Error, StringComparison.Ordinal);
        await end.CancelAsync();
        Assert.Equal(ExitCodes.Success, await serving);
    }

    [Theory]
    [InlineData("--Simulator:RunTim", "00:00:01", "did you mean 'Simulator:RunTime'?", ExitCodes.Configuration)]
    [InlineData("--Simulatr:RunTime", "00:00:01", "did you mean Simulator:RunTime?", ExitCodes.Configuration)]
    [InlineData("--Simulator:ErrorShape", "Htlm", "did you mean 'Html'?", ExitCodes.Configuration)]
    public async Task Wrong_knob_is_answered_with_the_nearest_one(string key, string value, string meant, int exitCode)
    {
        var called = await Called.WithAsync("serve", "--simulate", "--urls", "http://127.0.0.1:0", "--data", _folder.FullName, key, value);
        Assert.Equal(exitCode, called.ExitCode);
        Assert.Contains(meant, Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Knob_without_the_simulator_is_refused()
    {
        var called = await Called.WithAsync([.. Serve, "--Simulator:RunTime", "00:00:01"]);
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("--simulate", called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Real_RunComfy_is_named_with_its_price()
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
    [InlineData("Local:ApiKey", "                    ")]
    [InlineData("Local:ApiKey", "a-key-that-ends-with-a-blank ")]
    [InlineData("Local:ApiKey", "schlüssel-mit-umlaut")]
    [InlineData("Pipeline:MaxSpendPerDay", "10,50")]
    [InlineData("RunComfy:PricePerSecond", "free")]
    [InlineData("Logging:LogLevel:Default", "Verbose")]
    [InlineData("Logging:Console:LogLevel:Default", "Loud")]
    [InlineData("Logging:LogLevl:Default", "Debug")]
    public async Task Wrong_setting_is_named_in_one_sentence(string key, string value)
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
    public async Task Address_that_can_not_be_bound_is_reported(string url, int exitCode)
    {
        var called = await Called.WithAsync("serve", "--urls", url, "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken");
        Assert.Equal(exitCode, called.ExitCode);
        Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("Kestrel:Certificates:Default:Path", "--urls", "https://127.0.0.1:0")]
    [InlineData("Kestrel:Certificates:Default:Path", "--Kestrel:Endpoints:A:Url", "https://127.0.0.1:0")]
    [InlineData("Kestrel:Endpoints", "--Kestrel:Endpoints:A:Ur", "http://127.0.0.1:0")]
    [InlineData("Kestrel:Certificates", "--urls", "https://127.0.0.1:0", "--Kestrel:Certificates:Default:Path", "/there/is/no/such.pfx")]
    public async Task Https_without_a_certificate_is_reported_with_the_setting_for_one(string key, params string[] given)
    {
        var called = await Called.WithAsync(["serve", "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken", .. given]);
        Assert.Equal(ExitCodes.Configuration, called.ExitCode);
        Assert.Contains(key, Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Address_of_another_machine_is_not_called_in_use()
    {
        var called = await Called.WithAsync("serve", "--urls", "http://192.0.2.1:7071", "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken", "--Local:ApiKey", "a-key-of-the-tests");
        Assert.Equal(ExitCodes.Configuration, called.ExitCode);
        Assert.DoesNotContain("Stop what listens there", called.Error, StringComparison.Ordinal);
        Assert.Contains("192.0.2.1", called.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"Pipeline\": {\"MaxJobsPerDay\": 5}", "LineNumber")]
    [InlineData("{\"Pipeline\": {\"MaxJobsPerDay\": 5, \"maxjobsperday\": 6}}", "Pipeline:maxjobsperday")]
    [InlineData("[]", "object")]
    public void Broken_file_of_settings_is_named_with_the_reason(string json, string reason)
    {
        var file = Path.Combine(_folder.FullName, "appsettings.json");
        File.WriteAllText(file, json);
        var sentence = Assert.Throws<SettingException>(() => LocalHost.CreateBuilder(_folder.FullName)).Message;
        Assert.Contains(file, sentence, StringComparison.Ordinal);
        Assert.Contains(reason, sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Own_file_of_settings_adds_to_the_defaults_of_the_log()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "appsettings.json"), "{\"Pipeline\": {\"MaxJobsPerDay\": 5}, \"Logging\": {\"LogLevel\": {\"Default\": \"Debug\"}}}");
        var settings = LocalHost.CreateBuilder(_folder.FullName).Configuration;
        Assert.Equal(
            ("sentences", "Debug", "Warning", "5"),
            (settings["Logging:Console:FormatterName"], settings["Logging:LogLevel:Default"], settings["Logging:LogLevel:Microsoft"], settings["Pipeline:MaxJobsPerDay"]));
    }

    [Fact]
    public async Task Address_in_use_is_reported()
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job());
        var called = await Called.WithAsync("serve", "--urls", stub.Url, "--data", _folder.FullName, "--RunComfy:ApiToken", "t0ken");
        Assert.Equal(ExitCodes.Unavailable, called.ExitCode);
        Assert.Contains("--urls", called.Error, StringComparison.Ordinal);
    }
}
