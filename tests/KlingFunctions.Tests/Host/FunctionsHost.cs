using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Google.Protobuf;
using KlingFunctions.Tests.Host.Protocol;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Hosting;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Plays the Functions host to the real app: its own start, its generated metadata, the worker's middleware, the Durable extension
/// and the ASP.NET Core integration all run, and storage is memory. The packages that there are for this replace the worker's
/// own protocol, or can't run Durable on its in-memory backend; so this speaks the protocol.
/// </summary>
internal sealed class FunctionsHost : IAsyncDisposable
{
    private readonly Func<string[], IHost> _build;
    private readonly Assembly _app;
    private readonly Dictionary<string, string?> _settings;
    private readonly TimeSpan? _timersAtMost;
    private readonly ConcurrentQueue<string> _logs = [];
    private readonly SemaphoreSlim _life = new(1);
    private CancellationTokenSource _death = null!;
    private DurableSidecar _sidecar = null!;
    private DurableBridge _bridge = null!;
    private WorkerProcess _worker = null!;
    private HttpFront _front = null!;

    private FunctionsHost(Func<string[], IHost> build, Assembly app, IReadOnlyDictionary<string, string?> settings, TimeSpan? timersAtMost) =>
        (_build, _app, _settings, _timersAtMost) = (build, app, new(settings), timersAtMost);

    /// <summary>Speaks to the app, with its function key.</summary>
    public HttpClient Http { get; private set; } = null!;

    /// <summary>What the app told the host about itself.</summary>
    public IReadOnlyList<AppFunction> Functions => _worker.Functions;

    /// <summary>All that the app's lives have logged to the host.</summary>
    public IReadOnlyCollection<string> Logs => _logs;

    public Backend Backend { get; } = new();

    /// <summary>Told of each turn of an orchestrator: what was asked of the app, and what it answered.</summary>
    public Action<OrchestratorRequest, OrchestratorResponse> AtTurn { get; set; } = (_, _) => { };

    /// <summary>The services of the life that runs now.</summary>
    public IServiceProvider Services => _worker.Services;

    /// <param name="build">Builds the app from its command line, as its Main would.</param>
    /// <param name="app">The assembly whose functions they are.</param>
    /// <param name="settings">The app's settings; one that is null is missing.</param>
    /// <param name="timersAtMost">Brings durable timers that are further away nearer. Time itself is real: Durable's runtime reads the system's clock.</param>
    public static async Task<FunctionsHost> StartAsync(
        Func<string[], IHost> build, Assembly app, IReadOnlyDictionary<string, string?> settings, TimeSpan? timersAtMost = null)
    {
        var host = new FunctionsHost(build, app, settings, timersAtMost);
        await host.OpenAsync();
        host._front = await HttpFront.StartAsync(host.Functions, () => host._worker);
        host.Http = new HttpClient { BaseAddress = host._front.Address, DefaultRequestHeaders = { { "x-functions-key", HttpFront.Key } } };
        return host;
    }

    /// <summary>Tells the app of a blob, as an event of Event Grid does.</summary>
    public async Task SendBlobEventAsync(string container, string name)
    {
        var (function, path) = Functions.Where(f => f.IsTriggeredBy("blobTrigger") && f.Trigger.Source is "EventGrid")
            .Select(f => (f, PathOf(f).Match($"{container}/{name}"))).First(f => f.Item2.Success);
        var connection = function.Trigger.Connection ?? "AzureWebJobsStorage";
        var content = JsonSerializer.SerializeToUtf8Bytes(new { Connection = connection, ContainerName = container, BlobName = name });
        await RunAsync(function, request =>
        {
            var blob = new ModelBindingData { Version = "1.0", Source = "AzureStorageBlobs", ContentType = "application/json", Content = ByteString.CopyFrom(content) };
            request.InputData.Add(new ParameterBinding { Name = function.Trigger.Name, Data = new() { ModelBindingData = blob } });
            request.TriggerMetadata.Add("BlobTrigger", new() { String = path.Value });
            foreach (Group part in path.Groups.Cast<Group>().Skip(1)) request.TriggerMetadata.Add(part.Name, new() { String = part.Value });
        });
    }

    /// <summary>Fires a timer.</summary>
    public Task FireTimerAsync(string name)
    {
        var function = Functions.Single(f => f.Name == name && f.IsTriggeredBy("timerTrigger"));
        var timer = """{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}""";
        return RunAsync(function, request => request.InputData.Add(new ParameterBinding { Name = function.Trigger.Name, Data = new() { Json = timer } }));
    }

    /// <summary>Has the app take one turn of an orchestrator. What it answers has no consequence.</summary>
    public Task<OrchestratorResponse> TakeTurnAsync(OrchestratorRequest request) => _bridge.TakeTurnAsync(request, _death.Token);

    /// <summary>The process dies here, in the middle of whatever it does, and is started again, with other settings where given.</summary>
    public async Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null)
    {
        await _life.WaitAsync();
        try
        {
            foreach (var (key, value) in changes ?? new Dictionary<string, string?>()) _settings[key] = value;
            await CloseAsync();
            await OpenAsync();
        }
        finally
        {
            _life.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await CloseAsync();
        await _front.DisposeAsync();
        _life.Dispose();
    }

    private async Task OpenAsync()
    {
        _death = new();
        _sidecar = await DurableSidecar.StartAsync(Backend);
        try
        {
            _worker = await WorkerProcess.StartAsync(
                _build, _app, _settings, _sidecar.Address, log => _logs.Enqueue($"{log.Category}: {log.Message} {log.Properties} {log.Exception?.Message}"));
        }
        catch
        {
            await _sidecar.KillAsync();
            throw;
        }
        _bridge = new DurableBridge(_worker, _sidecar.Client, _timersAtMost, (request, response) => AtTurn(request, response));
        _ = _bridge.RunAsync(_death.Token);
    }

    private async Task CloseAsync()
    {
        await _death.CancelAsync();
        // Before the backend gives the work back, or the dead would take it again.
        await _sidecar.KillAsync();
        Backend.Abandon();
        await _worker.KillAsync();
        _death.Dispose();
    }

    private async Task RunAsync(AppFunction function, Action<InvocationRequest> fill)
    {
        var answer = await _worker.InvokeAsync(function, fill);
        if (answer.Result.Status is not StatusResult.Types.Status.Success) throw new InvalidOperationException($"{function.Name} failed: {answer.Result.Exception?.Message}");
    }

    /// <summary>A path like uploads/{name} as an expression that captures what stands in the braces.</summary>
    private static Regex PathOf(AppFunction function) =>
        new($"^{Regex.Replace(Regex.Escape(function.Trigger.Path!), @"\\\{(\w+)}", "(?<$1>.+)")}$", RegexOptions.None, TimeSpan.FromSeconds(1));
}
