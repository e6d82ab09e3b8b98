using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KlingFunctions.Pipeline.Network;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Network;

/// <summary>
/// Known addresses with which callers made other servers reach their internal network. None of them gets a byte from this server.
/// </summary>
public sealed class HostileUrlTests : IDisposable
{
    // Internal targets: this machine, its network, and the clouds' metadata and wire services.
    private static readonly string[] Inside = ["127.0.0.1", "10.0.0.5", "172.16.0.1", "192.168.1.1", "100.100.100.200", "169.254.169.254", "168.63.129.16", "0.0.0.0"];

    private readonly TcpListener _canary = new(IPAddress.Loopback, 0);

    public HostileUrlTests() => _canary.Start();

    public static TheoryData<string> Spellings => [.. Inside.SelectMany(SpellingsOf).Select(host => $"https://{host}/latest/meta-data")];

    public static TheoryData<string> Tricks =>
    [
        "https://example.com@127.0.0.1/", "https://127.0.0.1@example.com/", "https://example.com:80@169.254.169.254/", "https://example.com%40127.0.0.1/",
        "https://@169.254.169.254/", "https://:@127.0.0.1/", "https://127.0.0.1#@example.com/", "https://127.0.0.1?@example.com/",
        "https://example.com\\@127.0.0.1/", "https://127.0.0.1\\.example.com/", "https:\\\\127.0.0.1\\", "https://127.0.0.1\t.example.com/",
        " https://127.0.0.1/", "https://127.0.0.1\r\nHost: example.com/", "https://[::1]/", "https://[::]/", "https://[::ffff:169.254.169.254]/",
        "https://[0:0:0:0:0:ffff:7f00:1]/", "https://[fd00:ec2::254]/", "https://[fe80::1%25eth0]/", "https://[fe80::1]/", "https://[fc00::1]/",
        "https://[ff02::1]/", "https://[64:ff9b:1::a00:1]/", "https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::]/", "https://[2001:0:7f00:1::]/",
        "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.b.localhost/", "https://localhost%2e/", "https://loc%61lhost/",
        "https://ⓛocalhost/", "https://１２７.０.０.１/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://127．0．0．1/",
        "http://169.254.169.254/", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/",
        "jar:https://127.0.0.1!/", "data:text/html,x", "javascript:alert(1)", "//127.0.0.1/", "///127.0.0.1/", "https:/127.0.0.1/", "https:127.0.0.1",
        "https://", "https://.", "https://..", "https://%00/", "https://127.0.0.1:99999/", "https://127.0.0.1:-1/",
    ];

    /// <summary>Names that anyone can point anywhere, whatever they look like.</summary>
    public static TheoryData<string> Names =>
    [
        "https://localtest.me/", "https://127.0.0.1.nip.io/", "https://metadata.google.internal/", "https://kubernetes.default.svc/", "https://example.com./",
        "https://xn--e1afmkfd.xn--p1ai/", "https://пример.рф/", "https://1u.ms/", "https://a.very-public-name.example/", "https://host.docker.internal/",
    ];

    public void Dispose() => _canary.Dispose();

    [Theory]
    [MemberData(nameof(Spellings))]
    [MemberData(nameof(Tricks))]
    [MemberData(nameof(Names))]
    public async Task Nothing_is_sent_to_an_internal_address(string url)
    {
        // Every name resolves to this machine, where the test listens on the port of the URL, or on the default port.
        var port = ((IPEndPoint)_canary.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        foreach (var one in new[] { url, url.Replace("127.0.0.1/", $"127.0.0.1:{port}/", StringComparison.Ordinal) })
            await RefusedAsync(one, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Name_with_public_and_private_addresses_is_refused_at_once(string url)
    {
        var looks = 0;
        await RefusedAsync(url, (_, _) => Task.FromResult<IPAddress[]>(Interlocked.Increment(ref looks) == 1 ? [IPAddress.Parse("8.8.8.8"), IPAddress.Loopback] : [IPAddress.Loopback]));
        Assert.Equal(1, looks);
    }

    [Fact]
    public void Corpus_is_not_small() => Assert.InRange(Spellings.Count + Tricks.Count + Names.Count, 100, 1000);

    private async Task RefusedAsync(string url, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        using var client = new GuardedClient(Options.Create(new NetworkOptions()), resolve);
        if (UrlRule.Fault(url, allowLoopback: false) is null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            await Assert.ThrowsAnyAsync<UrlRefusedException>(() => client.SendAsync(request, 3, null, TestContext.Current.CancellationToken));
        }
        Assert.False(_canary.Pending(), $"{url} reached this machine.");
    }

    /// <summary>
    /// An IPv4 address in every spelling that parsers accept: decimal, octal, hexadecimal, shortened, mapped into IPv6, with a final dot.
    /// </summary>
    private static IEnumerable<string> SpellingsOf(string address)
    {
        var b = IPAddress.Parse(address).GetAddressBytes();
        var number = ((uint)b[0] << 24) | ((uint)b[1] << 16) | ((uint)b[2] << 8) | b[3];
        string Octal(byte part) => "0" + Convert.ToString(part, 8);
        yield return address;
        yield return address + ".";
        yield return $"{number}";
        yield return $"0x{number:x8}";
        yield return $"0{Convert.ToString(number, 8)}";
        yield return $"0x{b[0]:x2}.0x{b[1]:x2}.0x{b[2]:x2}.0x{b[3]:x2}";
        yield return string.Join('.', b.Select(Octal));
        yield return $"{b[0]}.{b[1]}.{(b[2] << 8) | b[3]}";
        yield return $"{b[0]}.{((uint)b[1] << 16) | ((uint)b[2] << 8) | b[3]}";
        yield return $"[::ffff:{address}]";
        yield return $"[::{address}]";
        yield return $"[64:ff9b::{address}]";
        yield return $"[2002:{b[0]:x2}{b[1]:x2}:{b[2]:x2}{b[3]:x2}::1]";
    }
}
