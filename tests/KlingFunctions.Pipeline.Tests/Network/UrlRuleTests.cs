using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Network;

namespace KlingFunctions.Pipeline.Tests.Network;

public class UrlRuleTests
{
    [Theory]
    [InlineData("https://example.com/a.png")]
    [InlineData("https://example.com:8443/a.png?sig=x#part")]
    [InlineData("HTTPS://EXAMPLE.COM")]
    [InlineData("https://bücher.example/größe.png")]
    [InlineData("https://8.8.8.8/a.png")]
    [InlineData("https://[2606:4700:4700::1111]/a.png")]
    [InlineData("https://example.com/@user/a.png")]
    public void Https_URL_to_a_public_host_is_accepted(string url) => Assert.Null(UrlRule.Fault(url, allowLoopback: false));

    [Theory]
    [InlineData(null, "empty")]
    [InlineData("", "empty")]
    [InlineData("  ", "empty")]
    [InlineData("data:image/png;base64,AAAA", "data:")]
    [InlineData("DATA:image/png;base64,AAAA", "data:")]
    [InlineData("a.png", "not absolute")]
    [InlineData("/a.png", "not absolute")]
    [InlineData("//example.com/a.png", "not absolute")]
    [InlineData("https:example.com", "not absolute")]
    [InlineData("https://", "not absolute")]
    [InlineData("https:///example.com/a.png", "host")]
    [InlineData("https://exa mple.com/", "space")]
    [InlineData(" https://example.com/", "space")]
    [InlineData("https://example.com/\n", "space")]
    [InlineData("https:\\\\example.com/", "backslash")]
    [InlineData("ftp://example.com/a.png", "ftp:")]
    [InlineData("file:///etc/passwd", "file:")]
    [InlineData("http://example.com/a.png", "http:")]
    [InlineData("https://user:secret@example.com/a.png", "user name")]
    [InlineData("https://@example.com/a.png", "user name")]
    [InlineData("https://:@example.com/a.png", "user name")]
    [InlineData("https://localhost/a.png", "not public")]
    [InlineData("https://sub.localhost/a.png", "not public")]
    [InlineData("http://127.0.0.1:5000/simulator/images/valley.webp", "Network:AllowLoopback")]
    [InlineData("https://127.1/a.png", "not public")]
    [InlineData("https://0x7f.1/a.png", "not public")]
    [InlineData("https://2130706433/a.png", "not public")]
    [InlineData("https://0251.0376.0251.0376/a.png", "not public")]
    [InlineData("https://169.254.169.254/metadata", "not public")]
    [InlineData("https://[::1]/a.png", "not public")]
    [InlineData("https://[::ffff:10.0.0.1]/a.png", "not public")]
    public void Other_URL_is_refused_with_its_reason(string? url, string reason)
    {
        var fault = UrlRule.Fault(url, allowLoopback: false);
        Assert.Contains(reason, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void URL_has_at_most_4096_characters()
    {
        var longest = "https://example.com/".PadRight(UrlRule.MaxLength, 'a');
        Assert.Null(UrlRule.Fault(longest, allowLoopback: false));
        Assert.Contains("4,097 characters", UrlRule.Fault(longest + "a", allowLoopback: false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:5000/a.png")]
    [InlineData("http://cdn.localhost:5000/a.png")]
    [InlineData("http://127.0.0.1/a.png")]
    [InlineData("https://[::1]/a.png")]
    public void Loopback_is_accepted_when_the_setting_allows_it(string url) => Assert.Null(UrlRule.Fault(url, allowLoopback: true));

    [Theory]
    [InlineData("http://example.com/a.png")]
    [InlineData("http://10.0.0.1/a.png")]
    [InlineData("https://10.0.0.1/a.png")]
    [InlineData("http://localhost.example.com/a.png")]
    [InlineData("http://user@localhost/a.png")]
    public void Allowing_loopback_allows_nothing_else(string url) => Assert.NotNull(UrlRule.Fault(url, allowLoopback: true));

    [Theory]
    [InlineData("https://example.com/a.png", "https://example.com/a.png")]
    [InlineData("https://user:pw@example.com:8443/a.png?sig=secret#frag", "https://example.com:8443/a.png?redacted")]
    [InlineData("asset:shoes/red.png", "(not an https URL)")]
    [InlineData("nonsense?key=secret", "(not an https URL)")]
    public void Redacted_URL_has_host_and_path_only(string url, string shown) => Assert.Equal(shown, UrlRule.Redact(url));

    [Fact]
    public void Any_text_can_be_judged_and_redacted() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
        {
            UrlRule.Fault(text, allowLoopback: true);
            UrlRule.Fault("https://" + text, allowLoopback: false);
            return UrlRule.Redact("https://example.com/?" + Uri.EscapeDataString(text ?? "")).Length < 40 && UrlRule.Redact(text ?? "") is not null;
        }).QuickCheckThrowOnFailure();
}
