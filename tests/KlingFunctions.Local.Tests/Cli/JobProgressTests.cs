using System.Runtime.CompilerServices;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class JobProgressTests
{
    [Fact]
    public async Task Interrupt_while_a_terminal_shows_a_job_ends_the_reading_in_order()
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
                // A source that notices the interrupt late, as a call that is under way does.
                await Task.Delay(TimeSpan.FromMilliseconds(300), CancellationToken.None);
                cancellationToken.ThrowIfCancellationRequested();
            }
            finally
            {
                ended = true;
            }
        }
    }

    private sealed class Terminal : IAnsiConsoleOutput
    {
        public TextWriter Writer { get; } = new StringWriter();

        public bool IsTerminal => true;

        public int Width => 100;

        public int Height => 40;

        public void SetEncoding(System.Text.Encoding encoding)
        {
        }
    }
}
