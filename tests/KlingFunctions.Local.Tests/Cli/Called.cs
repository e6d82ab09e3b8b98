using System.Text;
using System.Text.Json;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>What came of calling the command line.</summary>
internal sealed record Called(int ExitCode, string Out, string Error)
{
    /// <summary>Standard output, which has to be JSON and nothing else.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>Standard output, line by line.</summary>
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Calls it as a shell would, on a clock that does not wait.</summary>
    public static Task<Called> WithAsync(params string[] args) => WithAsync(args, stdin: "");

    public static async Task<Called> WithAsync(string[] args, string stdin, TimeProvider? time = null)
    {
        var (output, error) = (new Transcript(), new Transcript());
        var code = await CommandLine.RunAsync(args, On(output, error, stdin, time), TestContext.Current.CancellationToken);
        return new(code, output.ToString(), error.ToString());
    }

    public static Terminal On(Transcript output, Transcript error, string stdin = "", TimeProvider? time = null) => new(
        () => new MemoryStream(Encoding.UTF8.GetBytes(stdin)), Terminal.Create(output), Terminal.Create(error), time ?? new ImpatientTime());
}

/// <summary>What was written, readable while more is being written.</summary>
internal sealed class Transcript : StringWriter
{
    private readonly Lock _lock = new();

    public override void Write(char value)
    {
        lock (_lock) base.Write(value);
    }

    public override void Write(char[] buffer, int index, int count)
    {
        lock (_lock) base.Write(buffer, index, count);
    }

    public override void Write(string? value)
    {
        lock (_lock) base.Write(value);
    }

    public override string ToString()
    {
        lock (_lock) return base.ToString();
    }

    /// <summary>Completes when this text has been written.</summary>
    public async Task HasAsync(string text)
    {
        while (!ToString().Contains(text, StringComparison.Ordinal)) await Task.Delay(5, TestContext.Current.CancellationToken);
    }
}

/// <summary>A clock on which every wait is over at once, and has lasted as long as was wanted.</summary>
internal sealed class ImpatientTime : TimeProvider
{
    private long _ahead;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ahead));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, dueTime, period);
        Interlocked.Add(ref _ahead, dueTime.Ticks);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
