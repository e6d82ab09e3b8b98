using System.Net;
using System.Net.Http.Headers;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// The body of the paid POST, which leaves this machine at most once and knows whether it has.
/// <para>
/// Whether a failed POST can have been accepted can't be read off <see cref="HttpRequestError"/> alone: a connection taken from the pool
/// that dies in mid-request and one that could never be opened differ only by kinds that say nothing of the body, and a connect timeout
/// looks like any other timeout. What proves it is that nobody asked for the body: over HTTP/1.1 without <c>Expect</c> (<see
/// cref="RunComfyClient"/> sends no other) .NET writes headers into a buffer and then asks the content to write itself, before anything is
/// read back (dotnet/runtime, HttpConnection.SendAsync), and no server can act on a request whose body it was promised and never got.
/// </para>
/// <para>
/// A second asking is refused. .NET itself sends a request again only while its body has not been started, but handlers that hosts put
/// around every client (Microsoft.Extensions.Http.Resilience, for one, retries a POST after a 5xx) know no such restraint, and each sending
/// costs a dollar.
/// </para>
/// </summary>
internal sealed class OnceOnlyContent : HttpContent
{
    private readonly byte[] _json;
    private int _askedFor;

    public OnceOnlyContent(byte[] json)
    {
        _json = json;
        Headers.ContentType = new MediaTypeHeaderValue("application/json");
    }

    /// <summary>Whether anyone has asked for the body. While false, not a byte of it has been sent.</summary>
    public bool WasAskedFor => Volatile.Read(ref _askedFor) != 0;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _askedFor, 1) != 0)
            throw new InvalidOperationException("A handler tried to send the paid request a second time.");
        await stream.WriteAsync(_json, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _json.Length;
        return true;
    }
}
