using System.Net;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Commands in messages can be pasted as they are.</summary>
public sealed class HintTests
{
    [Theory]
    [InlineData("kling watch vid_1 --url ", "submit", "--prompt", "rain")]
    [InlineData("kling watch vid_1 --url ", "cancel", "vid_1")]
    [InlineData("kling watch vid_1 --url ", "resume", "vid_1")]
    [InlineData("kling status vid_1 --url ", "redeliver", "vid_1")]
    public async Task Hint_has_the_programs_name_and_the_given_host(string hint, params string[] args)
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(), (int)HttpStatusCode.Accepted);
        var called = await stub.CallAsync([.. args, "--key", "s3cr3t"]);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Contains(hint + stub.Url, called.Out + called.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", called.Out + called.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_lists_the_commands_that_are_possible_now()
    {
        var job = StubHost.Job("failed");
        foreach (var name in new[] { "self", "resume", "redeliver" }) job["links"]![name] = "http://127.0.0.1/";
        await using var stub = await StubHost.StartAsync(job);
        var said = (await stub.CallAsync("status", "vid_1")).Out;
        Assert.Contains($"kling resume vid_1 --url {stub.Url}\n", said, StringComparison.Ordinal);
        Assert.Contains($"kling redeliver vid_1 --url {stub.Url}\n", said, StringComparison.Ordinal);
        Assert.DoesNotContain("kling cancel", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Hint_for_the_default_host_names_none() => Assert.Equal(
        "dotnet run --project src/KlingFunctions.Local -- watch vid_1", new Hints("dotnet run --project src/KlingFunctions.Local --").For("watch vid_1"));
}
