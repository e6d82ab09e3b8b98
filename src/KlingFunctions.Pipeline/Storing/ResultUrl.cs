using System.Text;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Repairs a URL from a result. The job's owner did not write it and can't fix it, and the file is paid for: every URL that browsers
/// would accept is accepted. The host is checked afterwards, on the repaired URL.
/// </summary>
internal static class ResultUrl
{
    private static readonly char[] Quotes = ['"', '\'', '`', '<', '>', '\u200B', '\u200C', '\u200D', '\uFEFF', '\u2060'];

    /// <summary>The URL with common faults repaired; other faults stay, for <see cref="Network.UrlRule"/> to report.</summary>
    /// <param name="text">The URL as in the answer.</param>
    /// <param name="apiBase">The base for an address without a host: the origin of the answer.</param>
    /// <param name="isResultHost">Whether results may come from a host.</param>
    public static string Correct(string text, Uri apiBase, Func<string, bool> isResultHost)
    {
        // Remove line breaks and tabs, as the WHATWG standard does; JSON in JSON leaves \/, HTML leaves &amp;.
        var url = string.Concat(text.Where(c => !char.IsControl(c))).Trim().Trim(Quotes).Trim()
            .Replace("\\/", "/", StringComparison.Ordinal).Replace('\\', '/').Replace("&amp;", "&", StringComparison.OrdinalIgnoreCase);
        if (url.StartsWith("//", StringComparison.Ordinal)) url = $"https:{url}";
        else if (url.StartsWith('/')) url = apiBase.GetLeftPart(UriPartial.Authority) + url;
        else if (!url.Contains("://", StringComparison.Ordinal) && isResultHost(url.Split('/', ':', '?')[0])) url = $"https://{url}";
        url = Escaped(url);
        // Nothing is sent unencrypted: servers that serve a result over http serve it over https too.
        return Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri is { Scheme: "http", IsDefaultPort: true, IsLoopback: false }
            ? $"https{url[4..]}"
            : url;
    }

    private static string Escaped(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal);
        var path = start < 0 ? -1 : url.IndexOfAny(['/', '?'], start + 3);
        if (path < 0) return url;
        var escaped = new StringBuilder(url, 0, path, url.Length + 64);
        for (var at = path; at < url.Length; at++)
        {
            var isStray = url[at] == '%' && !(at + 2 < url.Length && char.IsAsciiHexDigit(url[at + 1]) && char.IsAsciiHexDigit(url[at + 2]));
            escaped.Append(isStray || char.IsWhiteSpace(url[at]) ? Uri.EscapeDataString(url[at].ToString()) : url[at].ToString());
        }
        return escaped.ToString();
    }
}
