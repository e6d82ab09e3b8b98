using System.Text;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Makes a URL of what a result names. The job's owner did not write it and can't correct it, and the file is paid for: so what browsers would
/// still fetch is fetched. Which host it leads to is checked afterwards, on the URL that is dialled.
/// </summary>
internal static class ResultUrl
{
    private static readonly char[] Quotes = ['"', '\'', '`', '<', '>', '\u200B', '\u200C', '\u200D', '\uFEFF', '\u2060'];

    /// <summary>The URL with its usual faults corrected; what has others is returned with them, for <see cref="Network.UrlRule"/> to name.</summary>
    /// <param name="text">As the answer has it.</param>
    /// <param name="apiBase">What an address without a host is relative to: where the answer came from.</param>
    /// <param name="isResultHost">Whether a host is one that results come from.</param>
    public static string Correct(string text, Uri apiBase, Func<string, bool> isResultHost)
    {
        // Line breaks and tabs within, as the WHATWG standard has it; JSON in JSON leaves \/, HTML &amp;.
        var url = string.Concat(text.Where(c => !char.IsControl(c))).Trim().Trim(Quotes).Trim()
            .Replace("\\/", "/", StringComparison.Ordinal).Replace('\\', '/').Replace("&amp;", "&", StringComparison.OrdinalIgnoreCase);
        if (url.StartsWith("//", StringComparison.Ordinal)) url = $"https:{url}";
        else if (url.StartsWith('/')) url = apiBase.GetLeftPart(UriPartial.Authority) + url;
        else if (!url.Contains("://", StringComparison.Ordinal) && isResultHost(url.Split('/', ':', '?')[0])) url = $"https://{url}";
        url = Escaped(url);
        // Nothing is sent in the clear, and whoever serves a result over http serves it over https too.
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
