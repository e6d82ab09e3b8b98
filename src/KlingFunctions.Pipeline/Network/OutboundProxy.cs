using System.Net;

namespace KlingFunctions.Pipeline.Network;

/// <summary>
/// The proxy of <c>Network:Proxy</c>. It resolves names itself, so their addresses can't be checked here: names of private networks are
/// refused by their form, and the proxy itself must refuse private addresses. Loopback never goes through a proxy.
/// </summary>
internal sealed class OutboundProxy : IWebProxy
{
    // RFC 6761, RFC 6762, RFC 8375, the reserved "internal", and names that networks use unofficially.
    private static readonly string[] PrivateNames =
        ["localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

    private readonly Uri _address;

    private OutboundProxy(Uri setting)
    {
        _address = new UriBuilder(setting) { UserName = "", Password = "" }.Uri;
        if (setting.UserInfo.Length == 0) return;
        var parts = setting.UserInfo.Split(':', 2);
        Credentials = new NetworkCredential(Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""));
    }

    /// <inheritdoc/>
    public ICredentials? Credentials { get; set; }

    /// <summary>The proxy of the settings; null if there is none.</summary>
    public static OutboundProxy? Of(NetworkOptions options) =>
        Uri.TryCreate(options.Proxy, UriKind.Absolute, out var setting) ? new(setting) : null;

    /// <inheritdoc/>
    public Uri GetProxy(Uri destination) => _address;

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => UrlRule.IsLoopback(host);

    /// <summary>Whether a connection goes to the proxy, which its owner chose, and not to a caller's address.</summary>
    internal bool IsAt(DnsEndPoint endPoint) => endPoint.Port == _address.Port && endPoint.Host.Equals(_address.IdnHost, StringComparison.OrdinalIgnoreCase);

    /// <summary>Why the proxy must not be asked for this URL, in one sentence; null if it may.</summary>
    internal string? Fault(Uri url)
    {
        if (IsBypassed(url)) return null;
        var host = url.DnsSafeHost.TrimEnd('.');
        var last = host[(host.LastIndexOf('.') + 1)..];
        var isPrivate = IPAddress.TryParse(host, out var address)
            ? !PublicAddress.IsPublic(address)
            // No top-level domain begins with a digit; an odd spelling of an address does.
            : last.Length == host.Length || last.Length == 0 || char.IsAsciiDigit(last[0])
                || Array.Exists(PrivateNames, name => host.Equals(name, StringComparison.OrdinalIgnoreCase) || host.EndsWith($".{name}", StringComparison.OrdinalIgnoreCase));
        return isPrivate ? $"{host} names a host of a private network: it must be reachable from the internet." : null;
    }
}
