using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Tests.Cli;

namespace KlingFunctions.Local.Tests.Demo;

public sealed partial class DemoTests
{
    [Fact]
    public async Task Demo_shows_every_state_and_proves_its_claims()
    {
        var folder = Directory.CreateTempSubdirectory("kling-demo-");
        try
        {
            var called = await Called.WithAsync(["demo", "--data", folder.FullName], "", TimeProvider.System);
            Assert.Equal(ExitCodes.Success, called.ExitCode);
            Assert.Empty(called.Error);
            Assert.Equal(
                ["accepted", "validating", "submitting", "in_queue", "in_progress", "storing", "succeeded"],
                State.Matches(called.Out).Select(m => m.Groups[1].Value).Distinct());
            Assert.Contains("in_queue     paid for, and waiting at RunComfy", called.Out, StringComparison.Ordinal);

            var video = Assert.Single(Directory.GetFiles(folder.FullName, "*.mp4", SearchOption.AllDirectories));
            Assert.Matches($@"Video +{Regex.Escape(video)}\n", called.Out);
            Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(video))), called.Out, StringComparison.Ordinal);
            Assert.Matches("Webhook +video.succeeded received, webhook-id msg_vid_[0-9a-f]+_[0-9a-f]{12}_0, signature verifies", called.Out);
            Assert.Matches("Paid +1 submission", called.Out);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Folder_that_can_not_be_used_is_one_sentence_without_a_stack_trace()
    {
        var file = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in new[] { Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), "demo", "--data", file }) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            var said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(ExitCodes.Configuration, process.ExitCode);
            Assert.Contains(file, Assert.Single(said.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"^ +[\d.]+ s  (\w+)", RegexOptions.Multiline)]
    private static partial Regex State { get; }
}
