using System.Reflection;
using System.Text.Json;
using KlingFunctions.Tests.Host.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// One life of the app: the real worker, started as a host starts it, and spoken to in its own protocol. In this process, though, so that
/// many can live at once and start in no time.
/// </summary>
internal sealed class WorkerProcess
{
    private readonly WebApplication _server;
    private readonly WorkerLine _line;
    private readonly IHost _app;
    private readonly string _durableClient;

    private WorkerProcess(WebApplication server, WorkerLine line, IHost app, string durableClient) =>
        (_server, _line, _app, _durableClient) = (server, line, app, durableClient);

    public IReadOnlyList<AppFunction> Functions { get; private set; } = [];

    public IServiceProvider Services => _app.Services;

    /// <summary>
    /// Where the worker takes the HTTP requests that belong to invocations. A host reads the capability HttpUri; that one is the same for
    /// all workers of a process, so each is told to listen on a free port, and asked which one it got.
    /// </summary>
    public string HttpAddress => Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static async Task<WorkerProcess> StartAsync(
        Func<string[], IHost> build, Assembly app, IReadOnlyDictionary<string, string?> settings, string durableAddress, Action<RpcLog> log)
    {
        // What the worker takes from its process: where the app is, and whose generated code describes it.
        Environment.SetEnvironmentVariable("FUNCTIONS_APPLICATION_DIRECTORY", AppContext.BaseDirectory);
        Assembly.SetEntryAssembly(app);

        var line = new WorkerLine(log);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.ConfigureEndpointDefaults(e => e.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = null);
        builder.Services.AddSingleton(line);
        var server = builder.Build();
        server.MapGrpcService<WorkerLine>();
        await server.StartAsync();

        var commandLine = new Dictionary<string, string?>(settings)
        {
            ["Functions:Worker:HostEndpoint"] = server.Urls.First(),
            ["Functions:Worker:WorkerId"] = Guid.NewGuid().ToString(),
            ["Functions:Worker:RequestId"] = Guid.NewGuid().ToString(),
            ["Functions:Worker:GrpcMaxMessageLength"] = $"{int.MaxValue}",
            ["Kestrel:Endpoints:Http:Url"] = "http://127.0.0.1:0",
            ["hostBuilder:reloadConfigOnChange"] = "false",
        };
        // The worker's client needs no more than where to speak to; the rest is for the management URLs, which the app gives to nobody.
        var durableClient = JsonSerializer.Serialize(
            new { taskHubName = "TestHub", connectionName = "", rpcBaseUrl = durableAddress, requiredQueryStringParameters = "", httpBaseUrl = "" });
        var worker = new WorkerProcess(server, line, build([.. commandLine.Where(s => s.Value is not null).Select(s => $"--{s.Key}={s.Value}")]), durableClient);
        try
        {
            await worker._app.StartAsync();
            await worker.HandshakeAsync();
            return worker;
        }
        catch
        {
            await worker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Has the worker run a function.</summary>
    /// <exception cref="OperationCanceledException">The worker died before it answered.</exception>
    public async Task<InvocationResponse> InvokeAsync(AppFunction function, Action<InvocationRequest> fill, string? id = null)
    {
        id ??= Guid.NewGuid().ToString();
        var request = new InvocationRequest { InvocationId = id, FunctionId = function.Id, TraceContext = new() };
        fill(request);
        foreach (var client in function.Bindings.Where(b => string.Equals(b.Type, "durableClient", StringComparison.OrdinalIgnoreCase)))
            request.InputData.Add(new ParameterBinding { Name = client.Name, Data = new() { String = _durableClient } });
        return (await _line.AskAsync(new() { InvocationRequest = request }, id)).InvocationResponse;
    }

    /// <summary>Ends it with no patience for what is under way.</summary>
    public async Task KillAsync()
    {
        _line.HangUp();
        var now = new CancellationToken(canceled: true);
        await _server.StopAsync(now);
        await _app.StopAsync(now);
        await DisposeAsync();
    }

    private async Task DisposeAsync()
    {
        await ((IAsyncDisposable)_app).DisposeAsync();
        await _server.DisposeAsync();
    }

    private async Task HandshakeAsync()
    {
        await _line.Started;
        var directory = AppContext.BaseDirectory;
        var init = await _line.AskAsync(new() { WorkerInitRequest = new() { HostVersion = "4.0.0", FunctionAppDirectory = directory } });
        Check(init.WorkerInitResponse.Result, "init");
        Assert.True(init.WorkerInitResponse.Capabilities.ContainsKey("HttpUri"), "The app takes no HTTP from the host: it lacks the ASP.NET Core integration.");

        var described = (await _line.AskAsync(new() { FunctionsMetadataRequest = new() { FunctionAppDirectory = directory } })).FunctionMetadataResponse;
        Check(described.Result, "metadata");
        foreach (var metadata in described.FunctionMetadataResults)
        {
            var load = new FunctionLoadRequest { FunctionId = metadata.FunctionId, Metadata = metadata };
            Check((await _line.AskAsync(new() { FunctionLoadRequest = load })).FunctionLoadResponse.Result, metadata.Name);
        }
        Functions = [.. described.FunctionMetadataResults.Select(AppFunction.Read)];
    }

    private static void Check(StatusResult result, string what)
    {
        if (result.Status is not StatusResult.Types.Status.Success) throw new InvalidOperationException($"The worker refused ({what}): {result.Exception?.Message}");
    }
}
