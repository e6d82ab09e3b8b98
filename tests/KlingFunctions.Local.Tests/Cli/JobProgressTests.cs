using System.Runtime.CompilerServices;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class JobProgressTests
{
    [Fact]
    public async Task Interrupt_during_a_display_ends_reading_before_disposal()
    {
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = new Terminal() });
        var ended = false;
        var showing = new JobProgress(console, TimeProvider.System, DateTimeOffset.UtcNow).ShowAsync(MomentsAsync(interrupt.Token), interrupt.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => showing);
        Assert.True(ended);

        async IAsyncEnumerable<JobMoment> MomentsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return new(JobStatus.InQueue, DateTimeOffset.UtcNow);
            try
            {
                await interrupt.CancelAsync();
                // The source notices the interrupt late, as a running call does.
                await Task.Delay(TimeSpan.FromMilliseconds(300), CancellationToken.None);
                cancellationToken.ThrowIfCancellationRequested();
            }
            finally
            {
                ended = true;
            }
        }
    }

    [Fact]
    public async Task Terminal_shows_the_expected_end_and_that_the_host_is_away()
    {
        var screen = new Terminal();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = screen });
        var progress = new JobProgress(console, TimeProvider.System, DateTimeOffset.UtcNow);
        await progress.ShowAsync(MomentsAsync(), TestContext.Current.CancellationToken);

        async IAsyncEnumerable<JobMoment> MomentsAsync()
        {
            yield return new(JobStatus.InProgress, DateTimeOffset.UtcNow, ExpectedAt: DateTimeOffset.UtcNow.AddHours(2));
            await screen.Written.HasAsync(", about 1:5");
            progress.Remark("The host is away.");
            await screen.Written.HasAsync("The host is away.");
            progress.Remark(null);
        }
    }

    private sealed class Terminal : IAnsiConsoleOutput
    {
        public Transcript Written { get; } = new();

        public TextWriter Writer => Written;

        public bool IsTerminal => true;

        public int Width => 100;

        public int Height => 40;

        public void SetEncoding(System.Text.Encoding encoding)
        {
        }
    }
}
