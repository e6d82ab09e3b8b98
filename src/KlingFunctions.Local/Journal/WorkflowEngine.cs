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

    private static readonly TimeSpan AfterABrokenRun = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestSleep = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, WorkflowRun> _running = [];
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _abort = new();
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _asleep;

    /// <summary>True if nothing runs, nothing is due, and the next timer is set: only time or an event can change that.</summary>
    public bool IsIdle => _asleep && _running.IsEmpty && store.Due(time.GetUtcNow(), 1).Count == 0;

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
        await _stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
        // Steps under way are worth finishing: one of them may be a paid POST that waits for its answer.
        var ended = Task.WhenAll(_running.Values.Select(r => r.Ended));
        await Task.WhenAny(ended, Task.Delay(Timeout.Infinite, cancellationToken));
        await _abort.CancelAsync();
        await ended;
    }

    public override void Dispose()
    {
        _abort.Dispose();
        _stopping.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var now = time.GetUtcNow();
                foreach (var id in store.Due(now, MaxRunning * 2))
                {
                    if (_running.Count >= MaxRunning) break;
                    Begin(id);
                }
                var sleep = store.NextDue(now) - now is { } left && left < LongestSleep ? left : LongestSleep;
                await SleepAsync(sleep, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogDispatchFailed(logger, e);
                await Task.WhenAny(Task.Delay(AfterABrokenRun, time, stoppingToken));
            }
        }
    }

    private void Begin(string id)
    {
        var run = new WorkflowRun(id, catalog, store, time, logger);
        if (_running.TryAdd(id, run)) _ = RunAsync(id, run);
    }

    private async Task RunAsync(string id, WorkflowRun run)
    {
        try
        {
            await Task.Run(() => run.RunAsync(_stopping.Token, _abort.Token));
        }
        catch (OperationCanceledException) when (_abort.IsCancellationRequested)
        {
            // It is still due, and goes on after the next start.
        }
        catch (Exception e)
        {
            // The journal could not be written, say. Nothing is lost: the instance is still due, and replays.
            LogRunFailed(logger, e, id);
            await Task.WhenAny(Task.Delay(AfterABrokenRun, time, _stopping.Token));
        }
        finally
        {
            _running.TryRemove(id, out _);
            run.SetEnded();
            Wake();
        }
    }

    private async Task SleepAsync(TimeSpan sleep, CancellationToken stopping)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var timer = Task.Delay(sleep, time, enough.Token);
        _asleep = true;
        await Task.WhenAny(_wake.Reader.WaitToReadAsync(enough.Token).AsTask(), timer);
        _asleep = false;
        await enough.CancelAsync();
        _wake.Reader.TryRead(out _);
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    [LoggerMessage(LogLevel.Error, "The run of {InstanceId} broke off; it goes on from the journal in a few seconds.")]
    private static partial void LogRunFailed(ILogger logger, Exception e, string instanceId);

    [LoggerMessage(LogLevel.Error, "The journal could not be read; the next try is in a few seconds.")]
    private static partial void LogDispatchFailed(ILogger logger, Exception e);
}
