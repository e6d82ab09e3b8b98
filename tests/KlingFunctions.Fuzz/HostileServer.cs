using System.Net;
using System.Net.Sockets;

namespace KlingFunctions.Fuzz;

/// <summary>A server on loopback that accepts any request and sends arbitrary bytes for as long as the client reads.</summary>
internal sealed class HostileServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Func<byte[], Task>, CancellationToken, Task> _answer;
    private readonly Task _served;
    private long _sent;
    private int _asked;

    /// <param name="answer">Sends bytes until sending throws, until it is done, or until it is stopped.</param>
    public HostileServer(Func<Func<byte[], Task>, CancellationToken, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _served = ServeAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The number of bytes that clients have read.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public int Asked => Volatile.Read(ref _asked);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _served;
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var talks = new List<Task>();
        try
        {
            while (true) talks.Add(TalkAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception e) when (_stop.IsCancellationRequested && e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            await Task.WhenAll(talks);
        }
    }

    private async Task TalkAsync(TcpClient client)
    {
        using (client)
        {
            Interlocked.Increment(ref _asked);
            try
            {
                var stream = client.GetStream();
                await stream.ReadAtLeastAsync(new byte[65_536], 1, throwOnEndOfStream: false, _stop.Token);
                // Detects a closed connection even while nothing is sent.
                var hungUp = stream.ReadAtLeastAsync(new byte[65_536], 65_536, throwOnEndOfStream: false, _stop.Token).AsTask();
                await _answer(async bytes =>
                {
                    if (hungUp.IsCompleted) throw new IOException("Nobody listens any more.");
                    await stream.WriteAsync(bytes, _stop.Token);
                    Interlocked.Add(ref _sent, bytes.Length);
                }, _stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // Most connections end this way.
            }
        }
    }
}
