using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Tests.RunComfy;
using KlingFunctions.Pipeline.Tests.Storing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Network;

public sealed class ProxyTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_outgoing_call_uses_the_proxy_with_the_hosts_name()
    {
        await using var proxy = new ConnectProxy();
        var options = Options.Create(new NetworkOptions { Proxy = $"http://own%40er:s3cr3t@127.0.0.1:{proxy.Port}" });
        using var client = new GuardedClient(options, (_, _) => throw new InvalidOperationException("resolved"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://images.example.com/a.png");
        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(request, 0, null, Ct));
        Assert.Equal(HttpRequestError.ProxyTunnelError, failure.HttpRequestError);
        Assert.DoesNotContain("s3cr3t", failure.ToString(), StringComparison.Ordinal);

        var transfer = new ResultTransfer(
            client, new MemoryVideoStore(), Options.Create(new RunComfyOptions()), Options.Create(new StorageOptions()), options, new Impatience(), NullLogger<ResultTransfer>.Instance);
        var outcome = Assert.IsType<TransferOutcome.NotStored>(
            await transfer.StoreAsync("job", "req-1", [new("video", OutputKind.Video, "https://files.runcomfy.net/v.mp4")], Ct));
        Assert.Contains("Network:Proxy", outcome.Message, StringComparison.Ordinal);

        var runComfy = Clients.On(RunComfyClient.CreateHandler(OutboundProxy.Of(options.Value)));
        var answer = Assert.IsType<SubmitAnswer.NotSent>(await runComfy.SubmitAsync(Clients.Input, Ct));
        Assert.Contains("Network:Proxy", answer.Message, StringComparison.Ordinal);

        Assert.Equal(
            ["files.runcomfy.net:443", "images.example.com:443", "model-api.runcomfy.net:443"],
            proxy.Asked.Select(asked => asked.Target).Distinct().Order(StringComparer.Ordinal));
        var expected = "Basic " + Convert.ToBase64String("own@er:s3cr3t"u8.ToArray());
        Assert.Contains(proxy.Asked, asked => asked.Authorization == expected);
    }

    [Theory]
    [InlineData("https://intranet/")]
    [InlineData("https://printer.local/")]
    [InlineData("https://metadata.google.internal/computeMetadata/v1/")]
    [InlineData("https://nas.lan./")]
    [InlineData("https://router.home.arpa/")]
    [InlineData("https://169.254.169.254./latest")]
    [InlineData("https://10.0.0.1/")]
    [InlineData("https://[fd00::1]/")]
    [InlineData("https://a.b.0x7f/")]
    public async Task Name_of_a_private_network_is_refused_before_the_proxy_is_asked(string url)
    {
        await using var proxy = new ConnectProxy();
        using var client = new GuardedClient(Options.Create(new NetworkOptions { Proxy = $"http://127.0.0.1:{proxy.Port}" }));
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        await Assert.ThrowsAsync<UrlRefusedException>(() => client.SendAsync(request, 0, null, Ct));
        Assert.Empty(proxy.Asked);
    }

    [Fact]
    public async Task Loopback_does_not_use_the_proxy()
    {
        await using var proxy = new ConnectProxy();
        await using var server = await LoopbackServer.Start(c => c.Response.WriteAsync("here"));
        using var client = new GuardedClient(Options.Create(new NetworkOptions { AllowLoopback = true, Proxy = $"http://127.0.0.1:{proxy.Port}" }));
        using var request = new HttpRequestMessage(HttpMethod.Get, server.Url("/"));
        using var response = await client.SendAsync(request, 0, null, Ct);
        Assert.Equal("here", await response.Content.ReadAsStringAsync(Ct));
        Assert.Empty(proxy.Asked);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData("http://proxy.example.com:3128", true)]
    [InlineData("https://user:s3cr3t@proxy.example.com", true)]
    [InlineData("proxy.example.com:3128", false)]
    [InlineData("socks5://proxy.example.com", false)]
    [InlineData("http://user:s3cr3t@proxy.example.com/path", false)]
    [InlineData("s3cr3t", false)]
    public void Wrong_proxy_stops_the_start_without_showing_it(string? setting, bool isValid)
    {
        var result = new NetworkOptionsValidator().Validate(null, new() { Proxy = setting });
        Assert.Equal(isValid, result.Succeeded);
        if (isValid) return;
        Assert.StartsWith("Network:Proxy ", result.FailureMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", result.FailureMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fake_addresses_of_a_proxy_are_used_for_the_owners_hosts_only()
    {
        using var client = new GuardedClient(
            Options.Create(new NetworkOptions()), (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("198.18.0.7"), IPAddress.Parse("fc00::7")]), TimeSpan.FromMilliseconds(200));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://images.example.com/a.png");
        var refused = await Assert.ThrowsAsync<UrlRefusedException>(() => client.SendAsync(request, 0, null, Ct));
        Assert.Contains("Network:Proxy", refused.Message, StringComparison.Ordinal);

        // Nothing listens at the address, so a connection attempt shows as another failure.
        using var owners = new HttpRequestMessage(HttpMethod.Get, "https://files.runcomfy.net/v.mp4");
        owners.Options.Set(GuardedClient.IsOwnersHost, true);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(owners, 0, null, Ct));
    }

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("169.254.169.254")]
    public async Task Private_address_is_refused_for_the_owners_hosts_too(string address)
    {
        using var client = new GuardedClient(Options.Create(new NetworkOptions()), (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse(address)]));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://files.runcomfy.net/v.mp4");
        request.Options.Set(GuardedClient.IsOwnersHost, true);
        await Assert.ThrowsAsync<UrlRefusedException>(() => client.SendAsync(request, 0, null, Ct));
    }

    /// <summary>A proxy that requires a name, and then connects to nothing.</summary>
    private sealed class ConnectProxy : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _serving;

        public ConnectProxy()
        {
            _listener.Start();
            _serving = ServeAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public ConcurrentQueue<(string Target, string? Authorization)> Asked { get; } = [];

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
        }

        private async Task ServeAsync()
        {
            var callers = new List<Task>();
            try
            {
                while (true) callers.Add(AnswerAsync(await _listener.AcceptTcpClientAsync()));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test has ended.
            }
        }

        private async Task AnswerAsync(TcpClient caller)
        {
            using var _ = caller;
            using var reader = new StreamReader(caller.GetStream(), Encoding.ASCII);
            try
            {
                while (await reader.ReadLineAsync() is { Length: > 0 } first)
                {
                    string? authorization = null;
                    while (await reader.ReadLineAsync() is { Length: > 0 } header)
                    {
                        if (header.StartsWith("Proxy-Authorization: ", StringComparison.OrdinalIgnoreCase)) authorization = header[21..];
                    }
                    Asked.Enqueue((first.Split(' ')[1], authorization));
                    var answer = authorization is null
                        ? "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
                        : "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
                    await caller.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
                }
            }
            catch (IOException)
            {
                // The client has disconnected.
            }
        }
    }
}
