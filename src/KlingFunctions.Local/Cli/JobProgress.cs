using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>How a job stood at one time.</summary>
/// <param name="Status">Where it was.</param>
/// <param name="At">When that was seen.</param>
/// <param name="Note">What else is to be said of it.</param>
internal sealed record JobMoment(JobStatus Status, DateTimeOffset At, string? Note = null);

/// <summary>Shows a job on its way: the stations, redrawn in place, on a terminal; one line for each change elsewhere.</summary>
/// <param name="console">Where.</param>
/// <param name="time">Counts on while nothing changes.</param>
/// <param name="since">When the job began.</param>
internal sealed class JobProgress(IAnsiConsole console, TimeProvider time, DateTimeOffset since)
{
    private const int BarWidth = 42;

    private static readonly TimeSpan Redraw = TimeSpan.FromMilliseconds(100);
    private static readonly JobStatus[] Stations =
        [JobStatus.Accepted, JobStatus.Validating, JobStatus.Submitting, JobStatus.InQueue, JobStatus.InProgress, JobStatus.Storing];

    // Replaced, never changed: it is drawn while it is being read.
    private volatile IReadOnlyList<JobMoment> _seen = [];

    /// <summary>Shows every moment as it comes, until there are no more; all of them.</summary>
    public async Task<IReadOnlyList<JobMoment>> ShowAsync(IAsyncEnumerable<JobMoment> moments, CancellationToken cancel)
    {
        if (console.CanRedraw()) await console.Live(Text.Empty).StartAsync(live => RedrawAsync(live, ReadAsync(moments, cancel)));
        else await ReadAsync(moments, cancel, moment => console.Say($"{Elapsed.Of(moment.At - since),9}  {JsonWord.Of(moment.Status),-12} {Sentence(moment)}"));
        return _seen;
    }

    /// <summary>Draws until everything is read. Reading is always seen to its end, also when it is cancelled: an enumerator must not be disposed while it moves.</summary>
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

    private async Task ReadAsync(IAsyncEnumerable<JobMoment> moments, CancellationToken cancel, Action<JobMoment>? show = null)
    {
        await foreach (var moment in moments.WithCancellation(cancel))
        {
            if (_seen is [.., var last] && last.Status == moment.Status && last.Note == moment.Note) continue;
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
        foreach (var station in Stations) AddRow(grid, station, isNow: now?.Status == station, isPast: now?.Status > station);
        AddRow(grid, hasEnded ? now!.Status : JobStatus.Succeeded, isNow: false, isPast: hasEnded);

        var elapsed = (hasEnded ? now!.At : time.GetUtcNow()) - since;
        var done = now is null ? 0 : hasEnded ? BarWidth : BarWidth * (int)now.Status / (Stations.Length + 1);
        var colour = now is null ? Color.Grey : JobText.Colour(now.Status);
        var (full, empty) = console.Profile.Capabilities.Unicode ? ('━', '─') : ('#', '-');
        var bar = new Paragraph(new string(full, done), colour).Append(new string(empty, BarWidth - done), Color.Grey).Append($"  {Elapsed.Of(elapsed)}");
        return new Rows(grid, new Padder(bar, new Padding(0, 1, 0, 0)));
    }

    private void AddRow(Grid grid, JobStatus station, bool isNow, bool isPast)
    {
        var moment = _seen.LastOrDefault(m => m.Status == station);
        var began = _seen.FirstOrDefault(m => m.Status == station);
        Style style = isNow || station > JobStatus.Storing && isPast ? JobText.Colour(station) : isPast ? Style.Plain : Color.Grey;
        grid.AddRow(
            new Text(isNow ? Spin() : isPast ? Tick(station) : " ", isPast && station <= JobStatus.Storing ? Color.Green : style),
            new Text(JsonWord.Of(station), style),
            new Text(began is null ? "" : Elapsed.Of(began.At - since), Color.Grey),
            PlainText.Cell(moment is null ? "" : Sentence(moment), isNow ? style : Color.Grey));
    }

    private string Spin()
    {
        var spinner = console.Profile.Capabilities.Unicode ? Spinner.Known.Dots : Spinner.Known.Line;
        return spinner.Frames[(int)(time.GetUtcNow().Ticks / Redraw.Ticks % spinner.Frames.Count)];
    }

    private string Tick(JobStatus station) => (console.Profile.Capabilities.Unicode, station is JobStatus.Failed or JobStatus.Cancelled) switch
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
        JobStatus.Accepted => "written down, so that nothing can lose it",
        JobStatus.Validating => "its images are fetched and checked; nothing is paid yet",
        JobStatus.Submitting => "sent to RunComfy, once",
        JobStatus.InQueue => "paid for, and waiting at RunComfy",
        JobStatus.InProgress => "RunComfy generates the video",
        JobStatus.Storing => "the video is copied into the store and checked",
        JobStatus.Succeeded => "the video is stored",
        _ => "",
    };
}
