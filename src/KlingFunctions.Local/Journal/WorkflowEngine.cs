using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// Local's engine: wakes the instances that are due and lets each run until it rests. Instances that wait are rows in the journal and
/// nothing in memory, so a hundred thousand of them cost a start nothing.
/// </summary>
internal sealed partial class WorkflowEngine(WorkflowCatalog catalog, InstanceStore store, TimeProvider time, ILogger<WorkflowEngine> logger)
    : BackgroundService
{
    private const int MaxRunning = 256;

    /// <summary>Nobody sleeps longer than this on a timer: meanwhile the clock may be set forward.</summary>
    internal static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);

    /// <summary>A clock that is set back by more than this has been wrong: who waits for it would wait for so much longer, years it may be.</summary>
    internal static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    internal static readonly TimeSpan AfterABrokenRun = TimeSpan.FromSeconds(5);

    // The dispatcher alone adds and removes.
    private readonly ConcurrentDictionary<string, WorkflowRun> _running = [];

    // What wakes the dispatcher: the id of a run that has ended, or null when something has become due.
    private readonly Channel<string?> _news = Channel.CreateUnbounded<string?>();
    private readonly CancellationTokenSource _abort = new();
    private volatile bool _asleep;

    // The latest that the clock has shown, to this process or one before; unknown until the journal has been asked.
    private DateTimeOffset? _latest;

    /// <summary>True if nothing runs, nothing is due, and the next timer is set: only time or an event can change that.</summary>
    /// <remarks>In this order: what is asked later can't be undone by what was asked before.</remarks>
    public bool IsIdle => store.Due(time.GetUtcNow(), 1).Count == 0 && _running.IsEmpty && _news.Reader.Count == 0 && _asleep;

    /// <summary>When the next timer is due; null if there is none.</summary>
    public DateTimeOffset? NextDue => store.NextDue(time.GetUtcNow());

    /// <summary>Starts an instance, durably; false if its id is taken (with <paramref name="replaceEnded"/>: by one that has not ended).</summary>
    public async Task<bool> StartAsync(string workflow, string id, string input, bool replaceEnded = false)
    {
        var started = await store.StartAsync(workflow, id, input, Activity.Current?.Id, time.GetUtcNow(), replaceEnded);
        Wake();
        return started;
    }

    /// <summary>Raises an event, durably; false if the instance is not running.</summary>
    public async Task<bool> RaiseAsync(string id, string name)
    {
        var raised = await store.RaiseAsync(id, name);
        if (_running.TryGetValue(id, out var run)) run.Poke();
        Wake();
        return raised;
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // The dispatcher ends at once, whatever the patience: what runs is then known for good.
        await base.StopAsync(CancellationToken.None);
        // Steps under way are worth finishing: one of them may be a paid POST that waits for its answer.
        var ended = Task.WhenAll(_running.Values.Select(r => r.Ended));
        await ended.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _abort.CancelAsync();
        await ended;
    }

    public override void Dispose()
    {
        _abort.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (_news.Reader.TryRead(out var ended))
                {
                    if (ended is not null) _running.TryRemove(ended, out _);
                }
                var now = time.GetUtcNow();
                _latest ??= store.Latest() ?? now;
                if (now < _latest - ClockTolerance)
                {
                    // Each of them looks for itself how it stands by the new time.
                    LogClockSetBack(logger, _latest.Value, now, await store.WakeAllAsync(now));
                    _latest = now;
                }
                else if (now > _latest)
                {
                    _latest = now;
                }
                // What runs is due as well: among so many there are enough that do not run, if there are any.
                var due = store.Due(now, MaxRunning).Where(id => !_running.ContainsKey(id));
                foreach (var id in due.Take(MaxRunning - _running.Count)) Begin(id, stoppingToken);
                var sleep = store.NextDue(now) - now is { } left && left < LongestSleep ? left : LongestSleep;
                await SleepAsync(sleep, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogDispatchFailed(logger, e is JournalException ? null : e, e.Message);
                await Task.WhenAny(Task.Delay(AfterABrokenRun, time, stoppingToken));
            }
        }
    }

    private void Begin(string id, CancellationToken stopping)
    {
        var run = new WorkflowRun(id, catalog, store, time, logger, Wake);
        // It is there to be poked before it looks into its inbox.
        _running[id] = run;
        run.Ended = RunAsync(id, run, stopping);
    }

    private async Task RunAsync(string id, WorkflowRun run, CancellationToken stopping)
    {
        try
        {
            await Task.Run(() => run.RunAsync(stopping, _abort.Token), CancellationToken.None);
        }
        catch (OperationCanceledException) when (_abort.IsCancellationRequested)
        {
            // It is still due, and goes on after the next start.
        }
        catch (Exception e)
        {
            // The journal could not be written, say. Nothing is lost: the instance is still due, and replays.
            LogRunFailed(logger, e is JournalException ? null : e, id, e.Message);
            await Task.WhenAny(Task.Delay(AfterABrokenRun, time, stopping));
        }
        finally
        {
            _news.Writer.TryWrite(id);
        }
    }

    private async Task SleepAsync(TimeSpan sleep, CancellationToken stopping)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var timer = Task.Delay(sleep, time, enough.Token);
        _asleep = true;
        await Task.WhenAny(_news.Reader.WaitToReadAsync(enough.Token).AsTask(), timer);
        _asleep = false;
        await enough.CancelAsync();
    }

    private void Wake() => _news.Writer.TryWrite(null);

    [LoggerMessage(LogLevel.Warning, "The clock was set back, from {Before} to {Now}: {Count} that waited for a time look at it anew.")]
    private static partial void LogClockSetBack(ILogger logger, DateTimeOffset before, DateTimeOffset now, int count);

    [LoggerMessage(LogLevel.Error, "The run of {InstanceId} broke off; it goes on from the journal in a few seconds. {Reason}")]
    private static partial void LogRunFailed(ILogger logger, Exception? e, string instanceId, string reason);

    [LoggerMessage(LogLevel.Error, "The journal could not be read; the next try is in a few seconds. {Reason}")]
    private static partial void LogDispatchFailed(ILogger logger, Exception? e, string reason);
}
