using System.Net;
using System.Net.Http.Headers;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// The body of the paid POST: sent at most once, and knows whether it was.
/// <para>
/// <see cref="HttpRequestError"/> alone does not prove that a failed POST was not accepted: a pooled connection that dies in mid-request
/// and one that never opened differ only by kinds that say nothing of the body, and a connect timeout looks like any other timeout. The
/// proof is a body that was never asked for: over HTTP/1.1 without <c>Expect</c> (<see cref="RunComfyClient"/> sends no other) .NET
/// buffers the headers, then asks the content to write itself, before it reads anything (dotnet/runtime, HttpConnection.SendAsync). No
/// server can act on a request whose body it never received.
/// </para>
/// <para>
/// A second send is refused, because each one costs money. .NET itself sends again only while the body has not been started, but handlers
/// that hosts add to every client do not (Microsoft.Extensions.Http.Resilience, for one, retries a POST after a 5xx).
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

    /// <summary>Whether the body was asked for. While false, not a byte of it has been sent.</summary>
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
