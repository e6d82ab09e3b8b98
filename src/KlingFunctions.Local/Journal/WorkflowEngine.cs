using System.Collections.Concurrent;
using System.Threading.Channels;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// Local's engine: wakes instances that are due, and lets each run until it waits. Waiting instances are rows in the journal and use no
/// memory, so a hundred thousand of them do not slow down a start.
/// </summary>
internal sealed partial class WorkflowEngine(WorkflowCatalog catalog, InstanceStore store, TimeProvider time, ILogger<WorkflowEngine> logger)
    : BackgroundService
{
    private const int MaxRunning = 256;

    /// <summary>The longest sleep on a timer, since the clock may be set forward meanwhile.</summary>
    internal static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);

    /// <summary>If the clock is set back by more, it was wrong before: timers set by it would fire late, perhaps by years.</summary>
    internal static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    internal static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    // Only the dispatcher adds and removes.
    private readonly ConcurrentDictionary<string, WorkflowRun> _running = [];

    // Wakes the dispatcher: the id of a run that has ended, or null when an instance has become due.
    private readonly Channel<string?> _news = Channel.CreateUnbounded<string?>();
    private readonly CancellationTokenSource _abort = new();
    private volatile bool _asleep;

    // The latest time seen by this or an earlier process; unknown until the journal is read.
    private DateTimeOffset? _latest;

    /// <summary>True if nothing runs, nothing is due, and the next timer is set: only time or an event can change that.</summary>
    /// <remarks>The order matters: an earlier condition can't change after a later one was checked.</remarks>
    public bool IsIdle => store.Due(time.GetUtcNow(), 1).Count == 0 && _running.IsEmpty && _news.Reader.Count == 0 && _asleep;

    /// <summary>When the next timer is due; null if there is none.</summary>
    public DateTimeOffset? NextDue => store.NextDue(time.GetUtcNow());

    /// <summary>Starts an instance, durably; false if its id is taken (with <paramref name="replaceEnded"/>: by one that has not ended).</summary>
    public async Task<bool> StartAsync(string workflow, string id, string input, bool replaceEnded = false)
    {
        var started = await store.StartAsync(workflow, id, input, JobTrace.Current, time.GetUtcNow(), replaceEnded);
        Wake();
        return started;
    }

    /// <summary>Raises an event, durably; false if the instance is not running.</summary>
    public async Task<bool> RaiseAsync(string id, string name)
    {
        var raised = await store.RaiseAsync(id, name);
        if (_running.TryGetValue(id, out var run)) run.Wake();
        Wake();
        return raised;
    }

    /// <summary>Completes when the run of an instance has ended: it waits then, or has ended too.</summary>
    public Task EndOfRunAsync(string id) => _running.TryGetValue(id, out var run) ? run.Ended : Task.CompletedTask;

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // The dispatcher ends first: after that the set of running instances no longer grows.
        await base.StopAsync(CancellationToken.None);
        // Let running steps finish: one may be a paid POST that waits for its answer.
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
                    // Each instance checks its own timers against the new time.
                    LogClockSetBack(logger, _latest.Value, now, await store.WakeAllAsync(now));
                    _latest = now;
                }
                else if (now > _latest)
                {
                    _latest = now;
                }
                // Running instances are due too; read enough rows to find idle ones.
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
                await Task.WhenAny(Task.Delay(RetryDelay, time, stoppingToken));
            }
        }
    }

    private void Begin(string id, CancellationToken stopping)
    {
        var run = new WorkflowRun(id, catalog, store, time, logger, Wake);
        // Registered before it reads its inbox, so that no event is missed.
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
            // The instance stays due and continues after the next start.
        }
        catch (Exception e)
        {
            // For example, the journal could not be written. Nothing is lost: the instance stays due and is replayed.
            LogRunFailed(logger, e is JournalException ? null : e, id, e.Message);
            await Task.WhenAny(Task.Delay(RetryDelay, time, stopping));
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

    [LoggerMessage(LogLevel.Warning, "The clock was set back, from {Before} to {Now}: {Count} waiting instances check their timers again.")]
    private static partial void LogClockSetBack(ILogger logger, DateTimeOffset before, DateTimeOffset now, int count);

    [LoggerMessage(LogLevel.Error, "The run of {InstanceId} failed; it continues from the journal in a few seconds. {Reason}")]
    private static partial void LogRunFailed(ILogger logger, Exception? e, string instanceId, string reason);

    [LoggerMessage(LogLevel.Error, "The journal could not be read; the next try is in a few seconds. {Reason}")]
    private static partial void LogDispatchFailed(ILogger logger, Exception? e, string reason);
}
