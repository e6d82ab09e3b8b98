using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Contracts;
using KlingFunctions.Durable;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Tests.Host;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KlingFunctions.Tests;

/// <summary>Durable's own runtime and worker without Functions around them: any workflow runs, on the app's own context, in real time.</summary>
internal sealed class DurableWorkflowHost : IWorkflowHost
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly WorkflowCatalog _catalog;
    private readonly JsonSerializerOptions _json;
    private readonly Backend _backend = new();
    private CancellationTokenSource _death = null!;
    private DurableSidecar _sidecar = null!;
    private IHost _worker = null!;

    private DurableWorkflowHost(WorkflowCatalog catalog)
    {
        _catalog = catalog;
        // What the catalogue's types need, and what the adapter adds.
        _json = new(catalog.Json)
        {
            TypeInfoResolver = JsonTypeInfoResolver.Combine(catalog.Json.TypeInfoResolver, DurableJson.Default, new DefaultJsonTypeInfoResolver()),
        };
    }

    public TimeSpan ShortWait => TimeSpan.FromSeconds(1);

    public DateTimeOffset Now => DateTimeOffset.UtcNow;

    private DurableTaskClient Client => _worker.Services.GetRequiredService<DurableTaskClient>();

    public static async Task<DurableWorkflowHost> StartAsync(WorkflowCatalog catalog)
    {
        var host = new DurableWorkflowHost(catalog);
        await host.OpenAsync();
        return host;
    }

    public Task<bool> StartAsync(string workflow, string id, string input) => StartAsync(workflow, id, JsonElement.Parse(input));

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
        return new(found.IsCompleted, found.SerializedCustomStatus, output, found.FailureDetails?.ErrorMessage);
    }

    public async Task<InstanceView> RunToEndAsync(string id)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            if (await FindAsync(id) is { HasEnded: true } ended) return ended;
            await Task.Delay(20, limit.Token);
        }
    }

    public async Task RunToRestAsync(string id)
    {
        using var limit = new CancellationTokenSource(Patience);
        await _backend.RestAsync(limit.Token);
    }

    public Task PassAsync(TimeSpan time) => Task.Delay(time);

    public async Task KillAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    private Task<bool> StartAsync(string workflow, string id, JsonElement input) =>
        Client.TryStartAsync(workflow, id, input, StartOrchestrationOptionsExtensions.ValidDedupeStatuses, CancellationToken.None);

    private async Task OpenAsync()
    {
        _death = new();
        _sidecar = await DurableSidecar.StartAsync(_backend);
        var converter = new JsonDataConverter(_json);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDurableTaskClient(client =>
        {
            client.UseGrpc(_sidecar.Channel);
            client.Configure(o => o.DataConverter = converter);
            client.RegisterDirectly();
        });
        builder.Services.AddDurableTaskWorker(worker =>
        {
            worker.UseGrpc(_sidecar.Channel);
            worker.Configure(o => o.DataConverter = converter);
            worker.AddTasks(Register);
        });
        _worker = builder.Build();
        await _worker.StartAsync();
    }

    private void Register(DurableTaskRegistry tasks)
    {
        var death = _death.Token;
        foreach (var workflow in _catalog.Workflows)
        {
            tasks.AddOrchestratorFunc<JsonElement, JsonElement>(
                workflow.Name,
                async (context, input) => JsonElement.Parse(await workflow.RunAsync(new DurableContext(context, _json), input.GetRawText())));
        }
        foreach (var step in _catalog.Steps)
        {
            tasks.AddActivityFunc<JsonElement, JsonElement>(step.Name, async (_, input) => JsonElement.Parse(await step.RunAsync(input.GetRawText(), death)));
        }
        tasks.AddActivityFunc<ChildStart, bool>(ChildStart.Step.Name, (_, child) => StartAsync(child.Workflow, child.Id, child.Input));
    }

    private async Task CloseAsync()
    {
        await _sidecar.KillAsync();
        _backend.Abandon();
        await _death.CancelAsync();
        await _worker.StopAsync(new CancellationToken(canceled: true));
        await ((IAsyncDisposable)_worker).DisposeAsync();
        _death.Dispose();
    }
}

public sealed class DurableWorkflowContract : WorkflowContextContract
{
    protected override async Task<IWorkflowHost> StartHostAsync(WorkflowCatalog catalog) => await DurableWorkflowHost.StartAsync(catalog);
}
