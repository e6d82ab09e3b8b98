using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Ctrl-C on a terminal that draws the progress of a job.</summary>
public sealed class InterruptTests
{
    public static bool HasTerminal => PseudoTerminal.IsHere;

    [Theory(SkipUnless = nameof(HasTerminal), Skip = "Needs script of util-linux.")]
    [InlineData("watch vid_1")]
    [InlineData("submit --prompt rain --watch")]
    [InlineData("demo")]
    public async Task Interrupted_progress_ends_without_a_stack_trace(string line)
    {
        await using var host = await StubHost.StartAsync((http, _) => StubHost.AnswerAsync(http, StubHost.Job("in_progress"), http.Request.Method == "POST" ? 202 : 200));
        for (var times = 0; times < 4; times++)
        {
            using var terminal = new PseudoTerminal(line is "demo" ? [line] : [.. line.Split(' '), "--url", host.Url]);
            await terminal.ShowsAsync("in_progress");
            Assert.Equal((ExitCodes.Interrupted, false), (await terminal.InterruptAsync(), terminal.Screen.Contains("   at ", StringComparison.Ordinal)));
        }
    }
}
