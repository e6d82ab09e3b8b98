using System.Net;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// The address under which the caller reached this host. Links in an answer start with it, so that they work for this caller; the address
/// of another caller, whose Host header may be anything, is never shown.
/// </summary>
internal static class AppBaseUrl
{
    /// <summary>Scheme, host and path base, without a trailing slash.</summary>
    public static string Of(HttpRequest request) => $"{request.Scheme}://{(request.Host.HasValue ? request.Host : Bound(request.HttpContext.Connection))}{request.PathBase}";

    /// <summary>HTTP/1.0 needs no Host header: then the local address of the connection.</summary>
    private static HostString Bound(ConnectionInfo connection) =>
        new(new IPEndPoint(connection.LocalIpAddress ?? IPAddress.Loopback, connection.LocalPort).ToString());
}
