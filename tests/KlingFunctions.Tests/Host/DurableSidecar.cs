using DurableTask.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask.Protobuf;
using Microsoft.DurableTask.Testing.Sidecar.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Tests.Host;

/// <summary>One life of Durable's own in-process runtime over the backend: what a client starts instances at, and what gives out the work.</summary>
internal sealed class DurableSidecar
{
    private readonly WebApplication _server;

    private DurableSidecar(WebApplication server) => _server = server;

    public GrpcChannel Channel { get; private set; } = null!;

    public TaskHubSidecarService.TaskHubSidecarServiceClient Client => new(Channel);

    public string Address => _server.Urls.First();

    public static async Task<DurableSidecar> StartAsync(Backend backend)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.ConfigureEndpointDefaults(e => e.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc(o => o.MaxReceiveMessageSize = null);
        builder.Services.AddSingleton<IOrchestrationService>(backend).AddSingleton<IOrchestrationServiceClient>(backend).AddSingleton<TaskHubGrpcServer>();
        var server = builder.Build();
        server.MapGrpcService<TaskHubGrpcServer>();
        // Made now, because it begins to give out work when it hears that its host has started.
        _ = server.Services.GetRequiredService<TaskHubGrpcServer>();
        await server.StartAsync();
        var sidecar = new DurableSidecar(server);
        sidecar.Channel = GrpcChannel.ForAddress(sidecar.Address, new() { MaxReceiveMessageSize = null });
        return sidecar;
    }

    public async Task KillAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        await _server.DisposeAsync();
        Channel.Dispose();
    }
}
