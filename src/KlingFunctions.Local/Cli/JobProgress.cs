using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>The state of a job at one time.</summary>
/// <param name="Status">Its status.</param>
/// <param name="At">When the status was observed (UTC).</param>
/// <param name="Note">A sentence about the state, such as an error.</param>
/// <param name="ExpectedAt">When RunComfy is expected to finish, if known.</param>
internal sealed record JobMoment(JobStatus Status, DateTimeOffset At, string? Note = null, DateTimeOffset? ExpectedAt = null);

/// <summary>Shows the progress of a job: redrawn in place on a terminal, one line for each change elsewhere.</summary>
/// <param name="console">The console to write to.</param>
/// <param name="time">The clock for elapsed times.</param>
/// <param name="since">When the job was accepted.</param>
internal sealed class JobProgress(IAnsiConsole console, TimeProvider time, DateTimeOffset since)
{
    private const int BarWidth = 42;

    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);
    private static readonly JobStatus[] Stages =
        [JobStatus.Accepted, JobStatus.Validating, JobStatus.Submitting, JobStatus.InQueue, JobStatus.InProgress, JobStatus.Storing];

    // Replaced, never changed: drawing and reading run in parallel.
    private volatile IReadOnlyList<JobMoment> _seen = [];
    private volatile JobMoment? _latest;
    private volatile string? _remark;

    /// <summary>Shows a sentence below the job, on a terminal, until the next call. Null removes it.</summary>
    public void Remark(string? sentence) => _remark = sentence;

    /// <summary>Shows each state until the last one; returns them all.</summary>
    public async Task<IReadOnlyList<JobMoment>> ShowAsync(IAsyncEnumerable<JobMoment> moments, CancellationToken cancellationToken)
    {
        if (console.CanRedraw()) await console.Live(Text.Empty).StartAsync(live => RedrawAsync(live, ReadAsync(moments, cancellationToken)));
        else await ReadAsync(moments, cancellationToken, moment => console.Say($"{Elapsed.Of(moment.At - since),9}  {JsonWord.Of(moment.Status),-12} {Sentence(moment)}{Expected(moment)}"));
        return _seen;
    }

    /// <summary>
    /// Redraws until all states are read. Reading is awaited even when cancelled: an enumerator must not be disposed while it moves.
    /// </summary>
    private async Task RedrawAsync(LiveDisplayContext live, Task reading)
    {
        while (!reading.IsCompleted)
        {
            live.UpdateTarget(Picture());
            await Task.WhenAny(reading, Task.Delay(Redraw, time, CancellationToken.None));
        }
        await reading;
        live.UpdateTarget(Picture());
    }

    private async Task ReadAsync(IAsyncEnumerable<JobMoment> moments, CancellationToken cancellationToken, Action<JobMoment>? show = null)
    {
        await foreach (var moment in moments.WithCancellation(cancellationToken))
        {
            _latest = moment;
            // A new expected end comes with each poll, and does not count as a change.
            if (_seen is [.., var last] && last with { At = moment.At, ExpectedAt = moment.ExpectedAt } == moment) continue;
            _seen = [.. _seen, moment];
            show?.Invoke(moment);
        }
    }

    private Rows Picture()
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap())
            .AddColumn(new GridColumn().NoWrap().RightAligned()).AddColumn();
        var now = _seen is [.., var last] ? last : null;
        var hasEnded = now?.Status > JobStatus.Storing;
        foreach (var stage in Stages) AddRow(grid, stage, isNow: now?.Status == stage, isPast: now?.Status > stage);
        AddRow(grid, hasEnded ? now!.Status : JobStatus.Succeeded, isNow: false, isPast: hasEnded);

        var elapsed = (hasEnded ? now!.At : time.GetUtcNow()) - since;
        var done = now is null ? 0 : hasEnded ? BarWidth : BarWidth * (int)now.Status / (Stages.Length + 1);
        var colour = now is null ? Color.Grey : JobText.Colour(now.Status);
        var (full, empty) = console.Profile.Capabilities.Unicode ? ('━', '─') : ('#', '-');
        var bar = new Paragraph(new string(full, done), colour).Append(new string(empty, BarWidth - done), Color.Grey).Append($"  {Elapsed.Of(elapsed)}{Remaining()}");
        var below = new Padder(bar, new Padding(0, 1, 0, 0));
        return _remark is { } remark ? new Rows(grid, below, PlainText.Cell(remark, Color.Yellow)) : new Rows(grid, below);
    }

    private void AddRow(Grid grid, JobStatus stage, bool isNow, bool isPast)
    {
        var moment = _seen.LastOrDefault(m => m.Status == stage);
        var began = _seen.FirstOrDefault(m => m.Status == stage);
        Style style = isNow || stage > JobStatus.Storing && isPast ? JobText.Colour(stage) : isPast ? Style.Plain : Color.Grey;
        grid.AddRow(
            new Text(isNow ? Spin() : isPast ? Tick(stage) : " ", isPast && stage <= JobStatus.Storing ? Color.Green : style),
            new Text(JsonWord.Of(stage), style),
            new Text(began is null ? "" : Elapsed.Of(began.At - since), Color.Grey),
            PlainText.Cell(moment is null ? "" : Sentence(moment), isNow ? style : Color.Grey));
    }

    private string Remaining() => _latest?.ExpectedAt switch
    {
        null => "",
        { } expected when expected > time.GetUtcNow() => $", about {Elapsed.Of(expected - time.GetUtcNow())} to go",
        _ => ", expected to end now",
    };

    private static string Expected(JobMoment moment) => moment.ExpectedAt is { } expected ? $", expected to end at {JobText.Time(expected)}" : "";

    private string Spin()
    {
        var spinner = console.Profile.Capabilities.Unicode ? Spinner.Known.Dots : Spinner.Known.Line;
        return spinner.Frames[(int)(time.GetUtcNow().Ticks / Redraw.Ticks % spinner.Frames.Count)];
    }

    private string Tick(JobStatus stage) => (console.Profile.Capabilities.Unicode, stage is JobStatus.Failed or JobStatus.Cancelled) switch
    {
        (true, false) => "✔",
        (true, true) => "✘",
        (false, false) => "+",
        (false, true) => "x",
    };

    private static string Sentence(JobMoment moment) => (Meaning(moment.Status), moment.Note) switch
    {
        (_, { } why) when moment.Status is JobStatus.Submitting => $"not accepted by RunComfy yet: {why}",
        (var meaning, null) => meaning,
        ("", var note) => note,
        (var meaning, var note) => $"{meaning}: {note}",
    };

    private static string Meaning(JobStatus status) => status switch
    {
        JobStatus.Accepted => "saved, so that it can't be lost",
        JobStatus.Validating => "its images are fetched and checked; nothing is paid yet",
        JobStatus.Submitting => "sent to RunComfy, once",
        JobStatus.InQueue => "paid for, and waiting at RunComfy",
        JobStatus.InProgress => "RunComfy generates the video",
        JobStatus.Storing => "the video is copied into the store and checked",
        JobStatus.Succeeded => "the video is stored",
        _ => "",
    };
}
