using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>Cleans the provider's text for people and for logs.</summary>
internal static partial class ProviderText
{
    private const int Longest = 300;

    /// <summary>
    /// Characters of a text that are read: enough for the heading of an error page, and little work whatever the provider sends.
    /// </summary>
    private const int Considered = 4096;

    public static string Decode(byte[] body) => Encoding.UTF8.GetString(body, 0, Math.Min(body.Length, Considered));

    /// <summary>
    /// One line of at most 300 characters without markup, control characters, the token, or the part of a URL after its path; null when
    /// nothing is left.
    /// </summary>
    public static string? Clean(string? text, string token)
    {
        if (text is null)
            return null;
        if (text.Length > Considered)
            text = text[..Considered];
        if (token.Length > 0)
            text = text.Replace(token, "[token]", StringComparison.Ordinal);
        text = WebUtility.HtmlDecode(Markup().Replace(text, " "));
        // The provider gets images as signed links: an error that quotes one must not reveal the signature.
        text = UrlUserInfo().Replace(UrlSecrets().Replace(Markup().Replace(text, " "), "$1"), "$1");
        text = Gaps().Replace(text, " ").Trim();
        if (text.Length > Longest)
            text = text[..(char.IsHighSurrogate(text[Longest - 2]) ? Longest - 2 : Longest - 1)].TrimEnd() + "…";
        return text.Length > 0 ? text : null;
    }

    [GeneratedRegex(@"<(script|style)\b[^>]*>.*?</\1\s*>|<[/!a-z][^>]*>?", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Markup();

    [GeneratedRegex(@"(https?://[^\s""'<>?#]*)[?#][^\s""'<>]*", RegexOptions.IgnoreCase)]
    private static partial Regex UrlSecrets();

    [GeneratedRegex(@"(https?://)[^\s""'<>/@]*@", RegexOptions.IgnoreCase)]
    private static partial Regex UrlUserInfo();

    [GeneratedRegex(@"[\s\p{Cc}\p{Cf}]+")]
    private static partial Regex Gaps();
}
