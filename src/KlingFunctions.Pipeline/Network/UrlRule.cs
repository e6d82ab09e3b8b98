using System.Net;

namespace KlingFunctions.Pipeline.Network;

/// <summary>The rule for a caller's address, checked before anything is resolved or sent.</summary>
internal static class UrlRule
{
    /// <summary>The longest accepted address, in characters.</summary>
    public const int MaxLength = 4_096;

    /// <summary>
    /// The longest address that is fetched. Signed store links and redirect targets may be longer than a caller's address.
    /// </summary>
    public const int MaxFetchedLength = 16_384;

    /// <summary>
    /// One sentence that says why <paramref name="url"/> is refused and how to fix it, or <see langword="null"/> when it is accepted:
    /// absolute, https, with a host and without user info, of at most <see cref="MaxLength"/> characters, and not a literal address that is
    /// not public. Any port is accepted: presigned and self-hosted storage often has its own.
    /// </summary>
    /// <param name="url">The address as the caller wrote it.</param>
    /// <param name="allowLoopback">Accepts loopback hosts too, over http as well: <see cref="NetworkOptions.AllowLoopback"/>.</param>
    /// <param name="maxLength">The longest accepted address.</param>
    public static string? Fault(string? url, bool allowLoopback, int maxLength = MaxLength)
    {
        if (string.IsNullOrWhiteSpace(url)) return "The URL is empty: give an absolute https URL.";
        if (url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
            return "A data: URI is not accepted: store the file where it can be fetched over https, and give that URL.";
        if (url.Length > maxLength) return $"The URL has {url.Length:N0} characters: at most {maxLength:N0} are accepted.";

        // Uri silently repairs all of these; a later client may repair them differently.
        if (url.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '\\'))
            return "The URL holds a space, a control character or a backslash: percent-encode it.";
        if (!url.Contains("://", StringComparison.Ordinal) || !Uri.TryCreate(url, UriKind.Absolute, out var uri))
            return "The URL is not absolute: it must look like https://host/path.";
        if (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp)
            return $"The URL starts with {uri.Scheme}: but must start with https:.";
        var authority = Authority(url);
        if (uri.Host.Length == 0 || authority.Length == 0) return "The URL has no host: it must look like https://host/path.";
        if (authority.Contains('@'))
            return "The URL carries a user name or password: leave that out, and use a presigned URL if the file is private.";

        var loopback = IsLoopback(uri);
        if (loopback && allowLoopback) return null;
        if (loopback)
            return "The URL names an address of this machine, which is not public: it must be reachable from the internet. Beside the simulator set Network:AllowLoopback to true.";
        if (uri.Scheme == Uri.UriSchemeHttp) return "The URL starts with http: but must start with https:.";
        if (IPAddress.TryParse(uri.DnsSafeHost, out var address) && !PublicAddress.IsPublic(address))
            return "The URL names an address that is not public: it must be reachable from the internet.";
        return null;
    }

    /// <summary>
    /// <paramref name="url"/> for display and logs: scheme, host, port and path; <c>?redacted</c> in place of a query, and neither user
    /// info nor fragment. A text that is not an http(s) URL is not shown at all.
    /// </summary>
    public static string Redact(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
            return "(not an https URL)";
        var shown = uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        return uri.Query.Length > 0 ? shown + "?redacted" : shown;
    }

    // RFC 6761 reserves every name under localhost for loopback.
    internal static bool IsLoopback(Uri uri) =>
        uri.IsLoopback || uri.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    // Uri.UserInfo is empty for "https://@host" and "https://:@host" alike, so the text itself is checked.
    private static string Authority(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal) + 3;
        var end = url.IndexOfAny(['/', '?', '#'], start);
        return end < 0 ? url[start..] : url[start..end];
    }
}
