using System.Text;
using System.Text.Json;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>The result of a command.</summary>
internal sealed record Called(int ExitCode, string Out, string Error)
{
    /// <summary>Standard output, which must be JSON only.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>Standard output, line by line.</summary>
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs a command as a shell would, with a clock that does not wait.</summary>
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

/// <summary>Output that can be read while more is written.</summary>
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

/// <summary>A clock on which every wait ends at once, and has its full length.</summary>
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
