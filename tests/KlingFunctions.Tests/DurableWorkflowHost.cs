using System.Text.Json;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Durable;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Tests.Host;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Tests;

/// <summary>
/// The published Durable extension on its Azure Storage backend, in a host process that is killed with SIGKILL, and the app's own context
/// over the published worker's runner. Time is real.
/// </summary>
internal sealed class DurableWorkflowHost : IWorkflowHost
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);

    private readonly SharedAzurite _azurite;
    private WorkflowCatalog _catalog = null!;
    private AppProcess _app = null!;
    private EngineWorker _worker = null!;

    // Timers of earlier processes that are still in the queue.
    private int _timers;

    private DurableWorkflowHost(SharedAzurite azurite) => _azurite = azurite;

    // Long enough for the test's actions before the wait ends, on a busy machine too.
    public TimeSpan ShortWait => TimeSpan.FromSeconds(6);

    public DateTimeOffset Now => DateTimeOffset.UtcNow;

    private DurableTaskClient Client => _worker.Client;

    /// <summary>An idle host of an earlier test, or a new one.</summary>
    public static async Task<DurableWorkflowHost> RentAsync(WorkflowCatalog catalog, SharedAzurite azurite)
    {
        var host = await azurite.Engines.RentAsync(() => StartAsync(catalog, azurite));
        host._worker.Catalog = host._catalog = catalog;
        return host;
    }

    private static async Task<DurableWorkflowHost> StartAsync(WorkflowCatalog catalog, SharedAzurite azurite)
    {
        var host = new DurableWorkflowHost(azurite) { _catalog = catalog };
        host._app = await AppProcess.StartAsync(new Dictionary<string, string?> { ["AzureWebJobsStorage"] = azurite.NextAccount() }, host.ConnectAsync);
        await host._app.CallAsync(EngineWorker.ClientFunction, "{}");
        return host;
    }

    public Task<bool> StartAsync(string workflow, string id, string input) => Client.TryStartAsync(
        workflow, id, JsonElement.Parse(input), StartOrchestrationOptionsExtensions.ValidDedupeStatuses, CancellationToken.None);

    public async Task<bool> RaiseAsync(string id, string name)
    {
        if (await Client.GetInstanceAsync(id) is not { IsCompleted: false }) return false;
        await Client.RaiseEventAsync(id, name);
        return true;
    }

    public async Task<InstanceView?> FindAsync(string id)
    {
        if (await Client.GetInstanceAsync(id, getInputsAndOutputs: true) is not { } found) return null;
        var output = found.RuntimeStatus is OrchestrationRuntimeStatus.Completed ? found.SerializedOutput : null;
        // Azure Storage reports "null" before the first status.
        var status = found.SerializedCustomStatus is "null" ? null : found.SerializedCustomStatus;
        // Azure Storage stores the reason of a failure as the output.
        var failure = found.RuntimeStatus is OrchestrationRuntimeStatus.Failed ? found.FailureDetails?.ErrorMessage ?? found.SerializedOutput : null;
        return new(found.IsCompleted, status, output, failure);
    }

    public async Task<InstanceView> RunToEndAsync(string id)
    {
        InstanceView? found = null;
        await UntilAsync(async () => (found = await FindAsync(id)) is { HasEnded: true });
        return found!;
    }

    public async Task RunToRestAsync(string id)
    {
        var (seen, since) = (-1L, TimeProvider.System.GetTimestamp());
        await UntilAsync(async () =>
        {
            if (_worker.Moves == seen && _worker.IsIdle && await _app.CountMessagesAsync() <= _worker.Timers + _timers)
                return TimeProvider.System.GetElapsedTime(since) > Quiet;
            (seen, since) = (_worker.Moves, TimeProvider.System.GetTimestamp());
            return false;
        });
    }

    public Task PassAsync(TimeSpan time) => Task.Delay(time);

    public async Task KillAsync()
    {
        await _app.KillAsync();
        _timers += _worker.Timers;
        await _worker.DisposeAsync();
        await _app.StartAsync();
        await _app.CallAsync(EngineWorker.ClientFunction, "{}");
    }

    /// <summary>Returns the host for reuse.</summary>
    public async ValueTask DisposeAsync()
    {
        var isEmpty = false;
        try
        {
            isEmpty = await _app.TryEmptyAsync();
            if (isEmpty) _timers = -_worker.Timers;
            else await EndAsync();
        }
        finally
        {
            _azurite.Engines.GiveBack(isEmpty ? this : null);
        }
    }

    public async ValueTask EndAsync()
    {
        await _app.DisposeAsync();
        await _worker.DisposeAsync();
    }

    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        for (var since = TimeProvider.System.GetTimestamp(); !await isSo(); await Task.Delay(400))
        {
            if (TimeProvider.System.GetElapsedTime(since) > Patience) throw new TimeoutException($"Not within {Patience}. {_app.LastLines}");
        }
    }

    private Task ConnectAsync(Uri host)
    {
        _worker = EngineWorker.Connect(_catalog, host);
        return Task.CompletedTask;
    }
}

public sealed class DurableWorkflowContract(SharedAzurite azurite) : WorkflowContextContract
{
    protected override async Task<IWorkflowHost> StartHostAsync(WorkflowCatalog catalog) => await DurableWorkflowHost.RentAsync(catalog, azurite);
}
