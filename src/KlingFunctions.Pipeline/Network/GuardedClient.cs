using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Network;

/// <summary>
/// The only HTTP client for addresses from callers. A name is resolved once for a connection, and refused if any of its addresses is not
/// public; the connection goes to one of the checked addresses, so that a second DNS answer cannot redirect it. No cookies, no
/// credentials, no decompression; no proxy but that of <c>Network:Proxy</c>, for which see <see cref="OutboundProxy"/>.
/// </summary>
/// <remarks>
/// There is no timeout but that of connecting (<see cref="ConnectTimeout"/>), and no limit to a body: the caller passes a token and stops
/// reading. Disposing a response before its end closes its connection at once.
/// </remarks>
public sealed class GuardedClient : IDisposable
{
    /// <summary>The time limit for resolving, connecting and the TLS handshake together.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    // The headers that another host needs. All others (credentials above all) are for the host that the caller chose.
    private static readonly HashSet<string> ResentToAnotherHost =
        new(StringComparer.OrdinalIgnoreCase) { "Accept", "Accept-Encoding", "If-Range", "Range", "User-Agent" };

    /// <summary>Marks a request to a host that the owner of this deployment listed.</summary>
    internal static readonly HttpRequestOptionsKey<bool> IsOwnersHost = new("KlingFunctions.IsOwnersHost");

    private readonly bool _allowLoopback;
    private readonly OutboundProxy? _proxy;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    private readonly HttpMessageInvoker _http;

    /// <param name="options">Whether loopback is allowed.</param>
    /// <param name="resolve">Resolves a host name to its addresses; the system's resolver if <see langword="null"/>.</param>
    public GuardedClient(IOptions<NetworkOptions> options, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
        : this(options, resolve, ConnectTimeout)
    {
    }

    internal GuardedClient(IOptions<NetworkOptions> options, Func<string, CancellationToken, Task<IPAddress[]>>? resolve, TimeSpan connectTimeout)
    {
        ArgumentNullException.ThrowIfNull(options);
        _allowLoopback = options.Value.AllowLoopback;
        _proxy = OutboundProxy.Of(options.Value);
        _resolve = resolve ?? Dns.GetHostAddressesAsync;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // Foreign hosts get neither the trace nor the baggage of a caller. A webhook has the trace of its job.
            ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectCallback = Connect,
            ConnectTimeout = connectTimeout,
            MaxResponseDrainSize = 0,
            MaxResponseHeadersLength = 32,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            UseCookies = false,
            Proxy = _proxy,
            UseProxy = _proxy is not null,
        });
    }

    /// <summary>Sends <paramref name="request"/> and returns once the headers of the response have arrived.</summary>
    /// <param name="request">The request, with an absolute URL that <see cref="UrlRule"/> accepts.</param>
    /// <param name="redirects">
    /// The most redirects to follow. With 0 a 3xx is returned as it is; so is one to a request that is neither GET nor HEAD, and one
    /// without a usable <c>Location</c>.
    /// </param>
    /// <param name="mayFollow">
    /// Decides on the target of every redirect, not on the first address; <see langword="null"/> follows to any public host.
    /// </param>
    /// <param name="cancellationToken">Cancels the sending; the body of the response is read with the caller's own token.</param>
    /// <exception cref="UrlRefusedException">The address or the target of a redirect is refused, or there are too many redirects.</exception>
    /// <exception cref="HttpRequestException">The host cannot be found or reached, or does not speak HTTP.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, int redirects, Func<Uri, bool>? mayFollow, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfNegative(redirects);
        var current = request;
        Check(current.RequestUri?.OriginalString);
        for (var followed = 0; ; followed++)
        {
            var response = await Send(current, cancellationToken);
            if (redirects == 0 || Target(current, response) is not { } found) return response;
            var target = Encrypted(current, found);
            response.Dispose();
            if (followed == redirects)
                throw new UrlRefusedException($"{UrlRule.Redact(request.RequestUri!.OriginalString)} redirects more than {redirects} times.");
            Check(target.AbsoluteUri, redirected: true);
            if (mayFollow is not null && !mayFollow(target))
                throw new UrlRefusedException($"The URL redirects to {target.Host}, which is not one of the hosts that may be fetched from.");
            current = Follow(current, target);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private void Check(string? url, bool redirected = false)
    {
        if (UrlRule.Fault(url, _allowLoopback, UrlRule.MaxFetchedLength) is { } fault)
            throw new UrlRefusedException(redirected ? $"The URL redirects to an address that is refused. {fault}" : fault);
        if (_proxy?.Fault(new Uri(url!)) is { } hidden) throw new UrlRefusedException(hidden);
    }

    private async Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException e) when (e.InnerException is UrlRefusedException refused)
        {
            throw new UrlRefusedException(refused.Message);
        }
        catch (SocketException e)
        {
            // The platform does not wrap this one: the host hung up between the connect and the check of its address.
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"{request.RequestUri!.Host} hung up at once.", e);
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException)
        {
            // A connect timeout and the caller's cancellation look alike here: only the latter may surface as a cancellation.
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"{request.RequestUri!.Host} did not accept a connection in time.", e);
        }
    }

    private static Uri? Target(HttpRequestMessage request, HttpResponseMessage response)
    {
        var redirect = response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
            or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
        if (!redirect || (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head)) return null;
        return response.Headers.Location is { } location && Uri.TryCreate(request.RequestUri, location, out var target) ? target : null;
    }

    /// <summary>
    /// The target over https, if an owner's host redirects to http, as hosts behind a proxy do. Nothing is sent unencrypted.
    /// </summary>
    private static Uri Encrypted(HttpRequestMessage request, Uri target) =>
        target is { Scheme: "http", IsDefaultPort: true, IsLoopback: false } && request.Options.TryGetValue(IsOwnersHost, out var isOwners) && isOwners
            ? new UriBuilder(target) { Scheme = Uri.UriSchemeHttps, Port = -1 }.Uri
            : target;

    private static HttpRequestMessage Follow(HttpRequestMessage request, Uri target)
    {
        var sameOrigin = Uri.Compare(request.RequestUri, target, UriComponents.SchemeAndServer, UriFormat.Unescaped,
            StringComparison.OrdinalIgnoreCase) == 0;
        var next = new HttpRequestMessage(request.Method, target) { Version = request.Version, VersionPolicy = request.VersionPolicy };
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase)) continue;
            if (sameOrigin || ResentToAnotherHost.Contains(name)) next.Headers.TryAddWithoutValidation(name, values);
        }
        if (request.Options.TryGetValue(IsOwnersHost, out var isOwners)) next.Options.Set(IsOwnersHost, isOwners);
        return next;
    }

    private async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await _resolve(host, cancellationToken);
        if (addresses.Length == 0) throw new SocketException((int)SocketError.HostNotFound);
        if (_proxy?.IsAt(context.DnsEndPoint) is not true && !addresses.All(MayDial))
        {
            if (!addresses.Any(PublicAddress.IsInvented))
                throw new UrlRefusedException($"{host} leads to an address that is not public: it must be reachable from the internet.");
            // A transparent proxy answers every name with such an address. Hosts that the owner listed may be reached through it.
            if (!context.InitialRequestMessage.Options.TryGetValue(IsOwnersHost, out var isOwners) || !isOwners)
            {
                throw new UrlRefusedException(
                    $"The name server of this machine gives {host} an address of 198.18.0.0/15, as those of proxies do: where it leads can't be checked, so set Network:Proxy to that proxy.");
            }
            addresses = [.. addresses.Where(PublicAddress.IsInvented)];
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool MayDial(IPAddress address)
    {
        // ::ffff:127.0.0.1 is loopback to the operating system, whatever its spelling.
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return PublicAddress.IsPublic(plain) || (_allowLoopback && IPAddress.IsLoopback(plain));
    }
}
