using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

public class RunComfyOptionsTests
{
    private static RunComfyOptions Good() => new() { ApiToken = "t0ken" };

    [Fact]
    public void Defaults_and_a_token_are_enough() => Assert.Null(Faults(Good()));

    [Theory]
    [InlineData("http://127.0.0.1:5001")]
    [InlineData("http://localhost:5001/v1")]
    public void Http_is_accepted_on_loopback(string url)
    {
        var options = Good();
        options.BaseUrl = url;
        Assert.Null(Faults(options));
    }

    [Theory]
    [InlineData("ApiToken", "")]
    [InlineData("ApiToken", "Bearer x")]
    [InlineData("ApiToken", "x\n")]
    [InlineData("BaseUrl", "model-api.runcomfy.net")]
    [InlineData("BaseUrl", "http://model-api.runcomfy.net")]
    [InlineData("BaseUrl", "ftp://model-api.runcomfy.net")]
    [InlineData("BaseUrl", "https://me:pw@model-api.runcomfy.net")]
    [InlineData("BaseUrl", "https://model-api.runcomfy.net?x=1")]
    [InlineData("Model", "kling")]
    [InlineData("Model", "kling/../x")]
    [InlineData("Model", "/kling/x")]
    [InlineData("Model", "kling/kling-video-o1/image-to-video")]
    [InlineData("ResultHosts", "")]
    [InlineData("ResultHosts", "*")]
    [InlineData("ResultHosts", "*.runcomfy.net;https://x")]
    [InlineData("ResultHosts", "*runcomfy.net")]
    public void Wrong_setting_is_one_sentence_that_names_its_key(string key, string value)
    {
        var options = Good();
        typeof(RunComfyOptions).GetProperty(key)!.SetValue(options, value);
        var fault = Assert.Single(Faults(options)!);
        Assert.StartsWith($"RunComfy:{key} ", fault, StringComparison.Ordinal);
        Assert.EndsWith(".", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("files.runcomfy.net", true)]
    [InlineData("a.b.RunComfy.NET", true)]
    [InlineData("files.runcomfy.com", true)]
    [InlineData("cdn.example.org", true)]
    [InlineData("runcomfy.net", false)]
    [InlineData("evilruncomfy.net", false)]
    [InlineData("runcomfy.net.evil.org", false)]
    [InlineData("x.cdn.example.org", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("", false)]
    public void Wildcard_stands_for_sub_domains_only(string host, bool included)
    {
        Assert.True(ResultHosts.TryParse("*.runcomfy.net; *.RUNCOMFY.com; cdn.example.org", out var hosts, out _));
        Assert.Equal(included, hosts.Include(host));
    }

    private static IEnumerable<string>? Faults(RunComfyOptions options) => new RunComfyOptionsValidator().Validate(null, options).Failures;
}
