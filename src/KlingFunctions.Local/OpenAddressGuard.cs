using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>
/// Without <c>Local:ApiKey</c> nothing is listened on that other machines can reach. It stands where Kestrel turns an address into a socket,
/// for there are many ways to name one (<c>urls</c>, <c>Kestrel:Endpoints</c>, the environment), and all of them lead through here.
/// </summary>
internal sealed class OpenAddressGuard(IOptions<LocalOptions> options)
    : IConnectionListenerFactory, IMultiplexedConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Puts it before the transports: Kestrel asks the one that was registered last first.</summary>
    public static void Add(IServiceCollection services) => services
        .AddSingleton<OpenAddressGuard>()
        .AddSingleton<IConnectionListenerFactory>(s => s.GetRequiredService<OpenAddressGuard>())
        .AddSingleton<IMultiplexedConnectionListenerFactory>(s => s.GetRequiredService<OpenAddressGuard>());

    /// <summary>Whether this address is one to refuse.</summary>
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
