using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Reads a JSON body, of bounded size.</summary>
internal static class RequestBody
{
    /// <summary>The largest body that is read, in bytes.</summary>
    public const int MaxBytes = RequestReader.MaxBytes;

    /// <summary>The body's bytes, or the answer that refuses it. An empty body is none.</summary>
    public static async Task<(ReadOnlyMemory<byte> Bytes, IResult? Refusal)> ReadAsync(HttpRequest request, bool optional, CancellationToken cancel)
    {
        // A server may have a limit of its own, of which its clients know nothing: this one is told before that is asked.
        if (request.ContentLength > MaxBytes) return (default, TooLarge());
        var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(chunk, cancel)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > MaxBytes) return (default, TooLarge());
        }
        if (optional && buffer.Length == 0) return (default, null);
        // A browser asks a page's permission before it sends this type across sites: a check here keeps foreign pages out.
        if (!request.HasJsonContentType())
        {
            return (default, Problem.Result(
                StatusCodes.Status415UnsupportedMediaType, ProblemCode.NotJson, "The body must be JSON: send the header 'Content-Type: application/json'."));
        }
        // Compressed bodies are refused: they may be decompression bombs.
        if (request.Headers.ContentEncoding.ToString() is { Length: > 0 } packing && !packing.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return (default, Problem.Result(
                StatusCodes.Status415UnsupportedMediaType, ProblemCode.UnsupportedEncoding, "The body is compressed: send it uncompressed, without the header 'Content-Encoding'."));
        }
        return (buffer.GetBuffer().AsMemory(0, (int)buffer.Length), null);
    }

    private static IResult TooLarge() => Problem.Result(
        StatusCodes.Status413PayloadTooLarge, ProblemCode.BodyTooLarge, $"The body is larger than {MaxBytes / 1024} KiB. Pass images as URLs, not inline.");
}
