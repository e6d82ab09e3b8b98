using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using KlingFunctions.Pipeline.Network;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Network;

public class GuardedClientTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("127.0.0.1")]
    [InlineData("::ffff:192.168.1.1")]
    [InlineData("8.8.8.8", "10.0.0.1")]
    [InlineData("2606:4700:4700::1111", "::1")]
    public async Task Name_is_refused_if_any_of_its_addresses_is_not_public(params string[] addresses)
    {
        using var client = Client(allowLoopback: false, Names(("images.example", addresses)));
        var refused = await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, "https://images.example/a.png?sig=secret"));
        Assert.Contains("images.example", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(addresses[^1], refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://example.com/")]
    [InlineData("https://127.0.0.1/")]
    [InlineData("https://0x7f.1/")]
    [InlineData("https://2130706433/")]
    [InlineData("https://[::ffff:7f00:1]/")]
    public async Task Address_against_the_rule_is_refused_before_name_resolution(string url)
    {
        using var client = Client(allowLoopback: false, (_, _) => throw new InvalidOperationException("resolved"));
        await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, url));
    }

    [Fact]
    public async Task Allowing_loopback_does_not_allow_a_private_address()
    {
        using var client = Client(allowLoopback: true, Names(("images.localhost", ["127.0.0.1", "10.0.0.1"])));
        await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, "http://images.localhost/"));
    }

    [Fact]
    public async Task Checked_address_is_the_one_connected_to()
    {
        await using var server = await LoopbackServer.Start(c => c.Response.WriteAsync("here"));
        var questions = new ConcurrentQueue<string>();
        using var client = Client(allowLoopback: true, (name, _) =>
        {
            questions.Enqueue(name);
            return Task.FromResult<IPAddress[]>([questions.Count == 1 ? IPAddress.Loopback : IPAddress.Parse("10.0.0.1")]);
        });
        using var response = await Get(client, server.Url("/", "rebind.localhost"));
        Assert.Equal("here", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(["rebind.localhost"], questions);
    }

    [Fact]
    public async Task Name_without_addresses_cannot_be_reached()
    {
        using var client = Client(allowLoopback: false, Names(("nowhere.example", [])));
        await Assert.ThrowsAsync<HttpRequestException>(() => Get(client, "https://nowhere.example/"));
    }

    [Fact]
    public async Task Slow_connection_is_a_failure_not_a_cancellation()
    {
        using var client = new GuardedClient(Options.Create(new NetworkOptions()), async (_, cancellationToken) =>
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return [];
        }, connectTimeout: TimeSpan.FromMilliseconds(1));
        var failed = await Assert.ThrowsAsync<HttpRequestException>(() => Get(client, "https://slow.example/"));
        Assert.Equal(HttpRequestError.ConnectionError, failed.HttpRequestError);
    }

    [Fact]
    public async Task Redirect_is_returned_unchanged_if_it_may_not_be_followed()
    {
        await using var server = await LoopbackServer.Start(Redirect("/elsewhere"));
        using var client = Client();
        using var response = await Get(client, server.Url("/"));
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
    }

    [Fact]
    public async Task Redirected_POST_is_never_sent_again()
    {
        await using var server = await LoopbackServer.Start(Redirect("/elsewhere"));
        using var client = Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Url("/"));
        using var response = await client.SendAsync(request, redirects: 5, mayFollow: null, Ct);
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
    }

    [Fact]
    public async Task Redirects_are_followed_up_to_the_limit()
    {
        await using var server = await LoopbackServer.Start(c =>
        {
            var left = int.Parse(c.Request.Path.Value![1..]);
            return left == 0 ? c.Response.WriteAsync("arrived") : Redirect($"/{left - 1}")(c);
        });
        using var client = Client();
        using var response = await Get(client, server.Url("/3"), redirects: 3);
        Assert.Equal("arrived", await response.Content.ReadAsStringAsync(Ct));
        await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, server.Url("/4"), redirects: 3));
    }

    [Theory]
    [InlineData("https://intranet.example/")]
    [InlineData("http://169.254.169.254/metadata")]
    [InlineData("http://example.com/")]
    [InlineData("https://user:secret@example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("//10.0.0.1/")]
    public async Task Redirect_to_a_refused_address_is_refused(string location)
    {
        await using var server = await LoopbackServer.Start(Redirect(location));
        using var client = Client(resolve: Names(("intranet.example", ["10.0.0.1"])));
        var refused = await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, server.Url("/"), redirects: 5));
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caller_decides_where_a_redirect_may_lead()
    {
        await using var server = await LoopbackServer.Start(c =>
            c.Request.Host.Host == "cdn.localhost" ? c.Response.WriteAsync("cdn") : Redirect($"http://cdn.localhost:{c.Request.Host.Port}/")(c));
        using var client = Client(resolve: Names(("cdn.localhost", ["127.0.0.1"])));
        using var response = await Get(client, server.Url("/"), redirects: 5, target => target.Host == "cdn.localhost");
        Assert.Equal("cdn", await response.Content.ReadAsStringAsync(Ct));
        await Assert.ThrowsAsync<UrlRefusedException>(() => Get(client, server.Url("/"), redirects: 5, _ => false));
    }

    [Fact]
    public async Task Credentials_are_only_sent_to_their_own_host()
    {
        var seen = new ConcurrentDictionary<string, IHeaderDictionary>();
        await using var server = await LoopbackServer.Start(c =>
        {
            seen[c.Request.Host.Host + c.Request.Path] = new HeaderDictionary(c.Request.Headers.ToDictionary());
            return c.Request.Path.Value switch
            {
                "/first" => Redirect("/second")(c),
                "/second" => Redirect($"http://cdn.localhost:{c.Request.Host.Port}/third")(c),
                _ => Task.CompletedTask,
            };
        });
        using var client = Client(resolve: Names(("cdn.localhost", ["127.0.0.1"])));
        using var request = new HttpRequestMessage(HttpMethod.Get, server.Url("/first"))
        {
            Headers = { { "Authorization", "Bearer token" }, { "X-Own", "own" }, { "Range", "bytes=0-9" }, { "Accept", "image/*" } },
        };
        using var response = await client.SendAsync(request, redirects: 5, mayFollow: null, Ct);

        Assert.Equal("Bearer token", seen["127.0.0.1/second"].Authorization);
        var third = seen["cdn.localhost/third"];
        Assert.Equal("bytes=0-9", third.Range);
        Assert.Equal("image/*", third.Accept);
        Assert.False(third.ContainsKey("Authorization") || third.ContainsKey("X-Own"));
    }

    [Fact]
    public async Task Cookies_are_not_kept_and_compressed_bodies_not_decompressed()
    {
        await using var server = await LoopbackServer.Start(async c =>
        {
            c.Response.Headers.SetCookie = "id=1";
            c.Response.Headers.ContentEncoding = "gzip";
            await c.Response.WriteAsync(c.Request.Headers.Cookie.Count == 0 ? "not gzip" : "cookie");
        });
        using var client = Client();
        using var first = await Get(client, server.Url("/"));
        using var second = await Get(client, server.Url("/"));
        Assert.Equal("not gzip", await second.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task Host_that_disconnects_at_once_is_unreachable()
    {
        using var host = new TcpListener(IPAddress.Loopback, 0);
        host.Start();
        // Closing without an answer is a reset, which sometimes comes before the client has checked the peer's address.
        var hangsUp = new Thread(() =>
        {
            try
            {
                while (true)
                {
                    using var caller = host.AcceptSocket();
                    caller.LingerState = new(enable: true, seconds: 0);
                }
            }
            catch (SocketException)
            {
                // The test has ended.
            }
        })
        { IsBackground = true };
        hangsUp.Start();
        using var client = Client();

        for (var times = 0; times < 2000; times++)
            await Assert.ThrowsAsync<HttpRequestException>(() => Get(client, $"http://127.0.0.1:{((IPEndPoint)host.LocalEndpoint).Port}/"));
    }

    private static RequestDelegate Redirect(string location) => c =>
    {
        c.Response.StatusCode = 302;
        c.Response.Headers.Location = location;
        return Task.CompletedTask;
    };

    private static GuardedClient Client(bool allowLoopback = true, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null) =>
        new(Options.Create(new NetworkOptions { AllowLoopback = allowLoopback }), resolve);

    private static Func<string, CancellationToken, Task<IPAddress[]>> Names(params (string Name, string[] Addresses)[] names) =>
        (name, _) => Task.FromResult(names.Single(n => n.Name == name).Addresses.Select(IPAddress.Parse).ToArray());

    private static async Task<HttpResponseMessage> Get(GuardedClient client, string url, int redirects = 0, Func<Uri, bool>? mayFollow = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        return await client.SendAsync(request, redirects, mayFollow, Ct);
    }
}
