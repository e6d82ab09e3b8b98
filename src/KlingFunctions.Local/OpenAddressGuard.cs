using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>
/// Refuses to listen on addresses that other machines can reach, unless <c>Local:ApiKey</c> is set. The check wraps Kestrel's transport,
/// because addresses come from several places (<c>urls</c>, <c>Kestrel:Endpoints</c>, the environment), and each of them is bound there.
/// </summary>
internal sealed class OpenAddressGuard(IOptions<LocalOptions> options)
    : IConnectionListenerFactory, IMultiplexedConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Registers it last: Kestrel asks the last registered transport first.</summary>
    public static void Add(IServiceCollection services) => services
        .AddSingleton<OpenAddressGuard>()
        .AddSingleton<IConnectionListenerFactory>(s => s.GetRequiredService<OpenAddressGuard>())
        .AddSingleton<IMultiplexedConnectionListenerFactory>(s => s.GetRequiredService<OpenAddressGuard>());

    /// <summary>Claims the addresses to refuse, so that Kestrel asks this transport to bind them.</summary>
    public bool CanBind(EndPoint endpoint) => string.IsNullOrEmpty(options.Value.ApiKey) && endpoint switch
    {
        IPEndPoint ip => !IPAddress.IsLoopback(ip.Address),
        UnixDomainSocketEndPoint => false,
        _ => true,
    };

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => throw Refusal(endpoint);

    public ValueTask<IMultiplexedConnectionListener> BindAsync(
        EndPoint endpoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default) => throw Refusal(endpoint);

    private static SettingException Refusal(EndPoint endpoint) => new(
        $"The address {endpoint} is open to other machines: set Local:ApiKey first, so that not everyone can spend your money, or listen on 127.0.0.1 only.");
}
