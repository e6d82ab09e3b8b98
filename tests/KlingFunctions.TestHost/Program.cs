using System.Diagnostics;
using System.Runtime.ExceptionServices;
using KlingFunctions.TestHost;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;
using Microsoft.Azure.WebJobs.Host.Config;
using Microsoft.Azure.WebJobs.Host.Executors;
using Microsoft.Azure.WebJobs.Host.Timers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// KlingFunctions.TestHost <app directory> <address> [--external-worker]
// Hosts an isolated-worker Functions app for tests: the WebJobs SDK's JobHost with the published extensions, as the Functions host does.
// Settings are in the environment. It ends when its standard input or its worker ends. With --external-worker it starts no worker and waits for one.
var (appDirectory, address) = (Path.GetFullPath(args[0]), new Uri(args[1]));
var control = new TestControl();
// With this variable the Durable extension assumes Linux Consumption and logs everything to the console.
Environment.SetEnvironmentVariable("CONTAINER_NAME", null);

// As in the Functions host with OpenTelemetry: the Durable extension only passes a trace on if there is a listener.
ActivitySource.AddActivityListener(new()
{
    ShouldListenTo = source => source.Name is "DurableTask.Core" or "WebJobs.Extensions.DurableTask",
    Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
        options.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded) ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
});

var rpcBuilder = WebApplication.CreateSlimBuilder();
rpcBuilder.Logging.ClearProviders();
rpcBuilder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.ConfigureEndpointDefaults(e => e.Protocols = HttpProtocols.Http2));
rpcBuilder.Services.AddGrpc(o => o.MaxReceiveMessageSize = null);
rpcBuilder.Services.AddSingleton<WorkerLine>();
await using var rpc = rpcBuilder.Build();
rpc.MapGrpcService<WorkerLine>();
await rpc.StartAsync();
var worker = rpc.Services.GetRequiredService<WorkerLine>();

Task workerEnds;
if (args.Contains("--external-worker"))
{
    Console.WriteLine($"Worker connects to {rpc.Urls.First()}");
    workerEnds = worker.Closed;
}
else
{
    control.Worker = await WorkerProcess.StartAsync(appDirectory, new(rpc.Urls.First()));
    Console.WriteLine($"Worker process {control.Worker.Id}");
    workerEnds = control.Worker.WaitForExitAsync();
}
var testEnds = Console.OpenStandardInput().CopyToAsync(Stream.Null);
await Task.WhenAny(worker.Connected, workerEnds, testEnds);
if (!worker.Connected.IsCompleted) return End(control.Worker is { HasExited: true } ? control.Worker.ExitCode : 1);
await worker.LoadAsync(appDirectory);

var methods = new JobMethods(worker.Functions);
Invocations.PassTo(worker, methods, control);
var webhooks = new ExtensionWebhooks(address);
using var host = new HostBuilder()
    .ConfigureAppConfiguration(c => c
        .AddInMemoryCollection(HostJson.Read(Path.Combine(appDirectory, "host.json")))
        .AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AzureWebJobsConfigurationSection"] = HostJson.Section,
            // Selects the Durable extension's protocol for isolated workers: gRPC, and protobuf through the trigger.
            ["FUNCTIONS_WORKER_RUNTIME"] = "dotnet-isolated",
        })
        .AddEnvironmentVariables())
    .ConfigureLogging((context, logging) => logging
        .AddSimpleConsole(o => o.SingleLine = true)
        .SetMinimumLevel(LogLevel.Warning)
        .AddFilter("Azure.Core", LogLevel.Error))
    .ConfigureServices(services => services
        .AddSingleton<ITypeLocator>(methods)
        .AddSingleton<IHostIdProvider>(new FixedHostId())
        .AddSingleton<IWebHookProvider>(webhooks)
        .AddSingleton<IWebJobsExceptionHandler, StaysAlive>())
    .ConfigureWebJobs(jobs => jobs.AddDurableTask().AddAzureStorageBlobs())
    .Build();
await host.StartAsync();
using var front = new HttpFront(worker, methods, (JobHost)host.Services.GetRequiredService<IJobHost>(), webhooks, control);
await using var server = await front.StartAsync(address);
Console.WriteLine($"Listens on {address}");

await Task.WhenAny(workerEnds, testEnds);
// Return a dead worker's work to the queues, as the Functions host does, so that no time limit delays it.
if (!testEnds.IsCompleted) await host.StopAsync();
return End(0);

int End(int exitCode)
{
    if (control.Worker is { HasExited: false } left) left.Kill();
    // Exit instead of a return: the JobHost's own threads may still be busy with work of a finished test.
    Environment.Exit(exitCode);
    return exitCode;
}

/// <summary>A fixed host id, since leases and the blob trigger's queue are named after it.</summary>
internal sealed class FixedHostId : IHostIdProvider
{
    public Task<string> GetHostIdAsync(CancellationToken cancellationToken) => Task.FromResult("klingfunctionstests");
}

/// <summary>
/// Keeps the process alive when a listener fails, as while storage is unavailable. The JobHost would end it; the Functions host does not.
/// </summary>
internal sealed class StaysAlive : IWebJobsExceptionHandler
{
    public Task OnTimeoutExceptionAsync(ExceptionDispatchInfo exceptionInfo, TimeSpan timeoutGracePeriod) => OnUnhandledExceptionAsync(exceptionInfo);

    public Task OnUnhandledExceptionAsync(ExceptionDispatchInfo exceptionInfo)
    {
        Console.WriteLine($"A listener failed: {exceptionInfo.SourceException.Message}");
        return Task.CompletedTask;
    }
}
