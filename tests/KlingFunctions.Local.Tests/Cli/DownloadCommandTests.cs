using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary><c>download</c> for jobs without a video.</summary>
public sealed class DownloadCommandTests
{
    [Theory]
    [InlineData("in_progress", ExitCodes.TryLater, "kling watch vid_1")]
    [InlineData("failed", ExitCodes.BadData, "kling status vid_1")]
    [InlineData("cancelled", ExitCodes.BadData, "kling status vid_1")]
    public async Task Job_without_a_video_is_named_with_the_next_step(string status, int exitCode, string hint)
    {
        await using var stub = await StubHost.StartAsync(StubHost.Job(status));
        var called = await stub.CallAsync("download", "vid_1");
        Assert.Equal(exitCode, called.ExitCode);
        Assert.Contains(status, called.Error, StringComparison.Ordinal);
        Assert.Contains(hint, called.Error, StringComparison.Ordinal);
        Assert.Single(stub.Calls);
    }
}
