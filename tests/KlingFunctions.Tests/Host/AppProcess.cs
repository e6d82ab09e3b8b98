using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.TestHost;

namespace KlingFunctions.Tests.Host;

/// <summary>The process that a kill ends.</summary>
public enum Victim
{
    /// <summary>Host and worker, as after the loss of a machine.</summary>
    Both,

    /// <summary>Only the host.</summary>
    Host,

    /// <summary>Only the worker.</summary>
    Worker,
}

/// <summary>
/// The app under the WebJobs SDK's JobHost with the published extensions (see KlingFunctions.TestHost), on Azurite. Host and worker are
/// separate processes, which are killed with SIGKILL.
/// </summary>
internal sealed class AppProcess : IAsyncDisposable
{
    private const string Listens = "Listens on ";
    private const string WorkerIs = "Worker process ";
    private const string WorkerConnects = "Worker connects to ";
    private const string Instances = "/runtime/webhooks/durabletask/instances";

    // All tests run at once and wait here, and in the pools, not for xunit's threads: a test that only waits for a time limit then keeps no
    // other from running. A start uses two processors.
    private static readonly SemaphoreSlim Alive = new(12);
    private static readonly SemaphoreSlim Starting = new(2);

    private readonly Dictionary<string, string?> _settings;
    private readonly string _account;
    private readonly ConcurrentQueue<string> _log = [];
    private Process? _host;
    private int _workerId;
    private TaskCompletionSource<Uri> _workerConnects = new();

    private AppProcess(IReadOnlyDictionary<string, string?> settings)
    {
        (_settings, _account, Address) = (new(settings), settings["AzureWebJobsStorage"]!, LoopbackPort.NextAddress());
        Http = new HttpClient { BaseAddress = Address, DefaultRequestHeaders = { { "x-functions-key", HttpFront.Key } } };
    }

    /// <summary>The app's address, which a restart keeps.</summary>
    public Uri Address { get; }

    /// <summary>A client of the app, with its function key.</summary>
    public HttpClient Http { get; }

    /// <summary>The output of host and worker, from all their processes.</summary>
    public IReadOnlyCollection<string> Log => _log;

    /// <summary>The end of the log, for the message of a test whose condition was not met.</summary>
    public string LastLines => $"The host's last lines:\n{string.Join('\n', _log.TakeLast(40))}";

    /// <summary>Completes when the host process has ended.</summary>
    public Task Died { get; private set; } = Task.CompletedTask;

    /// <summary>The folder of the app as it is published: on Linux compiled ahead of time.</summary>
    public static string PublishedApp => Metadata("PublishedApp");

    /// <summary>The folder of the built app, which is compiled while it runs.</summary>
    public static string BuiltApp => Metadata("BuiltApp");

    /// <summary>Starts the app.</summary>
    /// <param name="settings">App settings; null removes one. They name the storage account as AzureWebJobsStorage.</param>
    /// <param name="directory">The app's folder; null for the published app.</param>
    /// <exception cref="AppRefusedException">The app ended before it listened.</exception>
    public static Task<AppProcess> StartAsync(IReadOnlyDictionary<string, string?> settings, string? directory = null) =>
        StartFirstAsync(() => new(settings) { Directory = directory ?? PublishedApp });

    /// <summary>Starts a host without a worker process; the worker is in the test's own process.</summary>
    /// <param name="settings">App settings.</param>
    /// <param name="connect">Connects the worker; called after each start, with the address to connect to.</param>
    public static Task<AppProcess> StartAsync(IReadOnlyDictionary<string, string?> settings, Func<Uri, Task> connect) =>
        StartFirstAsync(() => new(settings) { Connect = connect });

    // Created after the wait: its port is free at that moment.
    private static async Task<AppProcess> StartFirstAsync(Func<AppProcess> create)
    {
        await Alive.WaitAsync();
        var app = create();
        try
        {
            await app.StartAsync();
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private Func<Uri, Task>? Connect { get; init; }

    private string Directory { get; init; } = PublishedApp;

    /// <summary>Kills the app and starts it again, with changed settings if given.</summary>
    public async Task RestartAsync(IReadOnlyDictionary<string, string?>? changes = null, Victim victim = Victim.Both)
    {
        await KillAsync(victim);
        foreach (var (key, value) in changes ?? new Dictionary<string, string?>()) _settings[key] = value;
        await StartAsync();
    }

    /// <summary>Kills it with SIGKILL. A host whose worker is killed returns its work to the queues and ends itself.</summary>
    public async Task KillAsync(Victim victim = Victim.Both)
    {
        if (victim is not Victim.Worker) _host?.Kill();
        if (victim is not Victim.Host) KillWorker();
        await Died;
        // A worker outlives its host here; on Azure both share a machine that is replaced as a whole.
        KillWorker();
        _host?.Dispose();
        _host = null;
    }

    /// <summary>Starts the app again after it died.</summary>
    public async Task StartAsync()
    {
        for (var tries = 1; ; tries++)
        {
            await Starting.WaitAsync();
            try
            {
                await StartOnceAsync();
                return;
            }
            catch (AppRefusedException e) when (tries < 5 && e.Message.Contains("address already in use", StringComparison.Ordinal))
            {
                // The worker picks a free port and binds it a moment later. After a conflict the Functions host starts another worker.
            }
            finally
            {
                Starting.Release();
            }
        }
    }

    private async Task StartOnceAsync()
    {
        var start = new ProcessStartInfo("dotnet", [Metadata("HostProgram"), Directory, Address.AbsoluteUri])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Connect is not null) start.ArgumentList.Add("--external-worker");
        foreach (var (key, value) in Defaults.Concat(_settings)) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;

        var listens = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _workerConnects = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new StringBuilder();
        var host = _host = Process.Start(start)!;
        void Read(string? line)
        {
            if (line is null) return;
            _log.Enqueue(line);
            if (!listens.Task.IsCompleted) lock (said) said.AppendLine(line);
            if (line.StartsWith(WorkerIs, StringComparison.Ordinal)) _workerId = int.Parse(line[WorkerIs.Length..], null);
            if (line.StartsWith(WorkerConnects, StringComparison.Ordinal)) _workerConnects.TrySetResult(new(line[WorkerConnects.Length..]));
            if (line.StartsWith(Listens, StringComparison.Ordinal)) listens.TrySetResult();
        }
        host.OutputDataReceived += (_, e) => Read(e.Data);
        host.ErrorDataReceived += (_, e) => Read(e.Data);
        host.BeginOutputReadLine();
        host.BeginErrorReadLine();
        // Not WaitForExitAsync, which also waits for the end of the output: a surviving worker keeps it open.
        var died = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Exited += (_, _) => died.TrySetResult();
        host.EnableRaisingEvents = true;
        Died = died.Task;
        if (Connect is not null && await Task.WhenAny(_workerConnects.Task, Died) == _workerConnects.Task) await Connect(await _workerConnects.Task);
        if (await Task.WhenAny(listens.Task, Died) == listens.Task) return;
        KillWorker();
        await host.WaitForExitAsync();
        lock (said) throw new AppRefusedException(host.ExitCode, said.ToString());
    }

    /// <summary>The functions that the app describes.</summary>
    public async Task<IReadOnlyList<AppFunction>> FunctionsAsync() => (await Http.GetFromJsonAsync<List<AppFunction>>("/admin/functions"))!;

    /// <summary>How often each function was started and ended since the last start.</summary>
    public async Task<Dictionary<string, InvocationCount>> InvocationsAsync() =>
        (await Http.GetFromJsonAsync<Dictionary<string, InvocationCount>>("/admin/invocations"))!;

    /// <summary>
    /// Arms a kill of host and worker at a named point, such as <c>Submit:done</c>: see <see cref="TestControl.KillAt"/>.
    /// </summary>
    public async Task KillAtAsync(string point, int times = 1)
    {
        using var answer = await Http.PostAsync($"/admin/kill/{point}/{times}", null);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Calls a function by its name; a test fires a timer this way.</summary>
    public async Task CallAsync(string function, string input)
    {
        using var content = new StringContent(input);
        using var answer = await Http.PostAsync($"/admin/functions/{function}", content);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>The number of messages in the storage queues, including those being processed and timers that are not due.</summary>
    /// <param name="prefix">The prefix of the queues' names.</param>
    public async Task<int> CountMessagesAsync(string prefix = "")
    {
        var count = 0;
        await foreach (var queue in QueuesAsync(prefix)) count += (await queue.GetPropertiesAsync()).Value.ApproximateMessagesCount;
        return count;
    }

    /// <summary>Whether every message is being processed, or is a timer that is not due.</summary>
    public async Task<bool> HasNoVisibleMessageAsync()
    {
        await foreach (var queue in QueuesAsync())
        {
            if ((await queue.PeekMessagesAsync(1)).Value.Length > 0) return false;
        }
        return true;
    }

    private async IAsyncEnumerable<QueueClient> QueuesAsync(string prefix = "")
    {
        var queues = new QueueServiceClient(_account);
        await foreach (var queue in queues.GetQueuesAsync(prefix: prefix)) yield return queues.GetQueueClient(queue.Name);
    }

    /// <summary>
    /// Prepares the app for another test: ends its instances, waits for their last work, and deletes their histories and messages.
    /// </summary>
    /// <returns>False if it can't be used again: it does not come to rest, or does not answer.</returns>
    public async Task<bool> TryEmptyAsync()
    {
        try
        {
            if (!await TryEndAllAsync()) return false;
            using (await Http.DeleteAsync($"{Instances}?createdTimeFrom=2000-01-01T00:00:00Z"))
            {
                // 404 if there is nothing to purge.
            }
            // Timers of the instances, which the next test would count as its own.
            await foreach (var queue in QueuesAsync()) await queue.ClearMessagesAsync();
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException)
        {
            return false;
        }
    }

    private async Task<bool> TryEndAllAsync()
    {
        for (var tries = 0; tries < 50; tries++)
        {
            using var answer = await Http.GetAsync($"{Instances}?runtimeStatus=Pending,Running&top=100");
            if (answer.StatusCode is not HttpStatusCode.OK) return false;
            var running = await Scene.JsonOf(answer);
            if (running.GetArrayLength() == 0 && (await InvocationsAsync()).Values.All(i => i.Begun == i.Ended) && await HasNoVisibleMessageAsync()) return true;
            foreach (var instance in running.EnumerateArray())
            {
                using (await Http.PostAsync($"{Instances}/{instance.GetProperty("instanceId").GetString()}/terminate?reason=over", null))
                {
                    // 410 if it has ended since.
                }
            }
            await Task.Delay(200);
        }
        return false;
    }

    /// <summary>Delivers an Event Grid event about a created blob, and waits until the app has processed it.</summary>
    public async Task SendBlobEventAsync(string function, string container, string name)
    {
        object[] events =
        [
            new
            {
                id = Guid.NewGuid(),
                topic = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
                subject = $"/blobServices/default/containers/{container}/blobs/{name}",
                eventType = "Microsoft.Storage.BlobCreated",
                eventTime = DateTimeOffset.UtcNow,
                dataVersion = "",
                metadataVersion = "1",
                data = new { api = "PutBlob", contentType = "application/octet-stream", blobType = "BlockBlob", url = $"{new BlobServiceClient(_account).Uri}/{container}/{name}" },
            },
        ];
        using var delivery = new HttpRequestMessage(HttpMethod.Post, $"/runtime/webhooks/blobs?functionName={JobMethods.TypeName}.{function}")
        {
            Content = JsonContent.Create(events),
            Headers = { { "aeg-event-type", "Notification" } },
        };
        using (var answer = await Http.SendAsync(delivery)) answer.EnsureSuccessStatusCode();
        while (await CountMessagesAsync("azure-webjobs-blobtrigger") > 0) await Task.Delay(200);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Http.Dispose();
        Alive.Release();
    }

    /// <summary>
    /// Few queues, polled quickly, since a test has one host. Methods are not recompiled, which would cost half of a short process's
    /// time.
    /// </summary>
    private static Dictionary<string, string?> Defaults => new()
    {
        ["AzureFunctionsJobHost:extensions:durableTask:storageProvider:maxQueuePollingInterval"] = "00:00:01",
        ["AzureFunctionsJobHost:extensions:durableTask:storageProvider:partitionCount"] = "1",
        ["DOTNET_TC_CallCounting"] = "0",
    };

    private static string Metadata(string key) =>
        typeof(AppProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;

    private void KillWorker()
    {
        if (_workerId == 0) return;
        try
        {
            using var worker = Process.GetProcessById(_workerId);
            worker.Kill();
            worker.WaitForExit();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // The process has ended.
        }
        _workerId = 0;
    }
}

/// <summary>The app ended before it listened.</summary>
/// <param name="exitCode">The worker's exit code.</param>
/// <param name="log">The app's output.</param>
internal sealed class AppRefusedException(int exitCode, string log) : Exception($"The app ended with exit code {exitCode}: {log}")
{
    public int ExitCode => exitCode;
}
