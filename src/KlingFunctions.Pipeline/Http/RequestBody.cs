using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Reads a JSON body, of bounded size.</summary>
internal static class RequestBody
{
    /// <summary>The largest body that is read, in bytes.</summary>
    public const int MaxBytes = RequestReader.MaxBytes;

    // None of these types is registered, and all are in use.
    private static readonly string[] LineTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines"];

    /// <summary>The body's bytes, or the answer that refuses it. An empty body counts as absent.</summary>
    public static Task<(ReadOnlyMemory<byte> Bytes, IResult? Refusal)> ReadAsync(HttpRequest request, bool optional, CancellationToken cancellationToken) =>
        ReadAsync(request, optional, MaxBytes, lines: false, cancellationToken);

    /// <summary>The bytes of a batch: JSON, or lines of it.</summary>
    public static Task<(ReadOnlyMemory<byte> Bytes, IResult? Refusal)> ReadLinesAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken) =>
        ReadAsync(request, optional: false, maxBytes, lines: true, cancellationToken);

    private static async Task<(ReadOnlyMemory<byte> Bytes, IResult? Refusal)> ReadAsync(
        HttpRequest request, bool optional, int maxBytes, bool lines, CancellationToken cancellationToken)
    {
        // The server's own limit is not documented for clients: check ours first.
        if (request.ContentLength > maxBytes) return (default, TooLarge(maxBytes));
        var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > maxBytes) return (default, TooLarge(maxBytes));
        }
        if (optional && buffer.Length == 0) return (default, null);
        // Browsers send a CORS preflight for this type: the check keeps foreign pages out.
        if (!request.HasJsonContentType() && !(lines && IsLines(request)))
        {
            var types = lines ? "'Content-Type: application/json', or 'Content-Type: application/x-ndjson' for one request a line" : "'Content-Type: application/json'";
            return (default, Problem.Result(StatusCodes.Status415UnsupportedMediaType, ProblemCode.NotJson, $"The body must be JSON: send the header {types}."));
        }
        // Compressed bodies are refused: they may be decompression bombs.
        if (request.Headers.ContentEncoding.ToString() is { Length: > 0 } packing && !packing.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            return (default, Problem.Result(
                StatusCodes.Status415UnsupportedMediaType, ProblemCode.UnsupportedEncoding, "The body is compressed: send it uncompressed, without the header 'Content-Encoding'."));
        }
        return (buffer.GetBuffer().AsMemory(0, (int)buffer.Length), null);
    }

    private static bool IsLines(HttpRequest request) =>
        request.GetTypedHeaders().ContentType?.MediaType.Value is { } type && LineTypes.Contains(type, StringComparer.OrdinalIgnoreCase);

    private static IResult TooLarge(int maxBytes) => Problem.Result(
        StatusCodes.Status413PayloadTooLarge, ProblemCode.BodyTooLarge, $"The body is larger than {maxBytes / 1024} KiB. Pass images as URLs, not inline.");
}
