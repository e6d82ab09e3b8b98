using System.Net;
using System.Net.Sockets;
using System.Text;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

/// <summary>Effects of the network on the paid POST, on a real socket.</summary>
public sealed class LostAnswerTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public LostAnswerTests() => _listener.Start();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Refused_connection_proves_that_nothing_was_sent()
    {
        var url = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _listener.Stop();
        var answer = await Clients.On(RunComfyClient.CreateHandler(), baseUrl: url).SubmitAsync(Clients.Input, Ct);
        Assert.Equal(new SubmitAnswer.NotSent("RunComfy could not be connected to. Nothing was sent."), answer);
    }

    [Fact]
    public async Task Unknown_host_name_proves_that_nothing_was_sent()
    {
        // RFC 6761: .invalid never resolves.
        var answer = await Clients.On(RunComfyClient.CreateHandler(), baseUrl: "https://runcomfy.invalid").SubmitAsync(Clients.Input, Ct);
        Assert.IsType<SubmitAnswer.NotSent>(answer);
    }

    [Fact]
    public async Task Server_without_TLS_proves_that_nothing_was_sent()
    {
        var answer = await SubmitTo(async stream => await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Ct), scheme: "https");
        Assert.IsType<SubmitAnswer.NotSent>(answer);
    }

    [Fact]
    public async Task Connection_that_ends_after_the_headers_leaves_doubt() =>
        Assert.IsType<SubmitAnswer.InDoubt>(await SubmitTo(async stream => await ReadUntil(stream, "\r\n\r\n")));

    [Fact]
    public async Task Connection_that_ends_after_the_body_leaves_doubt() =>
        Assert.IsType<SubmitAnswer.InDoubt>(await SubmitTo(ReadAll));

    [Fact]
    public async Task Reused_connection_that_ends_after_the_body_leaves_doubt()
    {
        var bodies = 0;
        var server = Serve(async stream =>
        {
            await ReadUntil(stream, "\r\n\r\n");
            await Answer(stream, "Content-Length: 21", """{"status":"in_queue"}""");
            await ReadAll(stream);
            bodies++;
        });
        var client = Clients.On(RunComfyClient.CreateHandler(), baseUrl: Url());
        Assert.IsType<StatusAnswer.Known>(await client.GetStatusAsync("r", Ct));
        Assert.IsType<SubmitAnswer.InDoubt>(await client.SubmitAsync(Clients.Input, Ct));
        await server;
        Assert.Equal(1, bodies);
        Assert.False(_listener.Pending());
    }

    [Fact]
    public async Task Answer_cut_off_before_its_id_leaves_doubt() =>
        Assert.IsType<SubmitAnswer.InDoubt>(await SubmitTo(async stream =>
        {
            await ReadAll(stream);
            await Answer(stream, "Content-Length: 200", """{"request_id":"abc""");
        }));

    [Fact]
    public async Task Answer_cut_off_behind_its_id_is_an_acceptance() =>
        Assert.Equal(new SubmitAnswer.Accepted("abc"), await SubmitTo(async stream =>
        {
            await ReadAll(stream);
            await Answer(stream, "Content-Length: 200", """{"request_id":"abc","status_u""");
        }));

    [Fact]
    public async Task Redirect_is_not_followed() =>
        Assert.IsType<SubmitAnswer.InDoubt>(await SubmitTo(async stream =>
        {
            await ReadAll(stream);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 307 Temporary Redirect\r\nLocation: {Url()}/again\r\nContent-Length: 0\r\n\r\n"), Ct);
        }));

    [Fact]
    public async Task Endless_answer_is_read_no_further_than_needed() =>
        Assert.IsType<SubmitAnswer.InDoubt>(await SubmitTo(async stream =>
        {
            await ReadAll(stream);
            await Answer(stream, "Connection: close", "");
            var blanks = new byte[65536];
            while (true)
                await stream.WriteAsync(blanks, Ct);
        }));

    private string Url(string scheme = "http") => $"{scheme}://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    private async Task<SubmitAnswer> SubmitTo(Func<NetworkStream, Task> conversation, string scheme = "http")
    {
        var server = Serve(conversation);
        using var handler = RunComfyClient.CreateHandler();
        var answer = await Clients.On(handler, baseUrl: Url(scheme)).SubmitAsync(Clients.Input, Ct);
        handler.Dispose();
        await server;
        return answer;
    }

    private async Task Serve(Func<NetworkStream, Task> conversation)
    {
        using var client = await _listener.AcceptTcpClientAsync(Ct);
        try
        {
            await conversation(client.GetStream());
        }
        catch (IOException)
        {
            // The client disconnected.
        }
    }

    private static async Task Answer(NetworkStream stream, string header, string body) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{header}\r\n\r\n{body}"), Ct);

    private static Task ReadAll(NetworkStream stream) => ReadUntil(stream, Clients.Input.GetRawText());

    private static async Task ReadUntil(NetworkStream stream, string end)
    {
        var text = new StringBuilder();
        var one = new byte[1];
        while (!text.ToString().EndsWith(end, StringComparison.Ordinal) && await stream.ReadAsync(one, Ct) > 0)
            text.Append((char)one[0]);
    }
}
