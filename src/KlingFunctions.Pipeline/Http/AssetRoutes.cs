using System.Security.Cryptography;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace KlingFunctions.Pipeline.Http;

/// <summary>A stored image.</summary>
/// <param name="Url">Its address for use in requests.</param>
/// <param name="ContentType">Its media type, by its own bytes.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="Width">Pixels, as stored.</param>
/// <param name="Height">Pixels, as stored.</param>
/// <param name="Sha256">The SHA-256 of its bytes, in lower-case hex.</param>
public sealed record Asset(string Url, string ContentType, long SizeBytes, int Width, int Height, string Sha256);

/// <summary>The route that accepts images.</summary>
public sealed class AssetRoutes(IAssetStore store)
{
    /// <summary>The largest accepted image, in bytes: more than any model accepts.</summary>
    public const int MaxBytes = 50_000_000;

    // Browsers send a CORS preflight for these types: the check keeps foreign pages out.
    private static readonly string[] ContentTypes = ["image/jpeg", "image/png", "image/webp", "application/octet-stream"];

    /// <summary><c>POST /api/assets</c>: stores an image under its SHA-256.</summary>
    public async Task<IResult> AddAsync(HttpContext http)
    {
        var type = http.Request.ContentType?.Split(';')[0].Trim();
        if (!ContentTypes.Contains(type, StringComparer.OrdinalIgnoreCase))
        {
            return Problem.Result(
                StatusCodes.Status415UnsupportedMediaType, ProblemCode.NotAnImage, $"The body must be the bytes of an image: send 'Content-Type' as one of {string.Join(", ", ContentTypes)}.");
        }
        if (await ReadAsync(http) is not { } bytes)
            return Problem.Result(StatusCodes.Status413PayloadTooLarge, ProblemCode.BodyTooLarge, $"The image has more than {MaxBytes / 1_000_000} MB: make it smaller.");
        var header = ImageHeader.Read(bytes.Span, out var notAnImage);
        if (header is null) return NoImage(bytes.IsEmpty ? "empty" : notAnImage ?? "an image that breaks off before its size is told");
        if (await ImageFile.ReadAsync(new MemoryStream(bytes.ToArray(), writable: false), http.RequestAborted) is not ImageFileState.Whole)
            return NoImage("an image that breaks off before its end");

        var sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes.Span));
        var isNew = await store.AddAsync(sha256, header.ContentType, bytes, http.RequestAborted);
        return Results.Json(
            new Asset(AssetUri.For(sha256), header.ContentType, bytes.Length, header.Width, header.Height, sha256), PipelineJson.Default.Asset,
            statusCode: isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK);
    }

    private static IResult NoImage(string what) =>
        Problem.Faults([new("", FaultCode.ImageNotAnImage, $"The body is {what}: only JPEG, PNG and WebP images are accepted.")]);

    private static async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpContext http)
    {
        if (http.Request.ContentLength > MaxBytes) return null;
        // The server's own limit is lower, and not documented for clients.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = MaxBytes + 1;
        var buffer = new MemoryStream((int)(http.Request.ContentLength ?? 0));
        var chunk = new byte[64 * 1024];
        int read;
        while ((read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > MaxBytes) return null;
        }
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }
}
