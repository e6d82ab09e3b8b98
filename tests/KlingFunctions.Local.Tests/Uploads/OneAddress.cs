using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace KlingFunctions.Local.Tests.Uploads;

/// <summary>A server with one listening address.</summary>
internal sealed class OneAddress : IServer
{
    public OneAddress() => Features.Set<IServerAddressesFeature>(new Addresses());

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public void Dispose()
    {
    }

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private sealed class Addresses : IServerAddressesFeature
    {
        ICollection<string> IServerAddressesFeature.Addresses { get; } = ["http://127.0.0.1:1"];

        public bool PreferHostingUrls { get; set; }
    }
}
