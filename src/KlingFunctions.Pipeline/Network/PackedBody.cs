using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;

namespace KlingFunctions.Pipeline.Network;

/// <summary>
/// Decompresses a response body to the plain file. Servers compress although <c>identity</c> was requested, announce an encoding that is
/// not applied, and store compressed files without saying so: the bytes decide. Decompression streams through one buffer; the reader's own
/// limit on the output bounds a decompression bomb.
/// </summary>
internal static class PackedBody
{
    private const int HeadLength = 64;
    private const int MostLayers = 3;

    /// <summary>Opens a body.</summary>
    /// <param name="source">The body as received. Disposed with the returned stream.</param>
    /// <param name="encodings">The header <c>Content-Encoding</c>, in the order of application.</param>
    /// <param name="isPlain">Whether the first bytes are those of an expected file, not to be decompressed.</param>
    /// <param name="cancellationToken">Stops waiting for the first bytes.</param>
    /// <returns>The bytes of the file, and whether they were compressed.</returns>
    public static async Task<(Stream Body, bool IsPacked)> OpenAsync(
        Stream source, IEnumerable<string> encodings, Func<byte[], bool> isPlain, CancellationToken cancellationToken)
    {
        var declared = new Stack<string>(encodings.Select(encoding => encoding.Trim().ToLowerInvariant()));
        for (var layers = 0; ; layers++)
        {
            var reader = PipeReader.Create(source, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
            var seen = await reader.ReadAtLeastAsync(HeadLength, cancellationToken);
            var head = seen.Buffer.Slice(0, Math.Min(seen.Buffer.Length, HeadLength)).ToArray();
            reader.AdvanceTo(seen.Buffer.Start);
            var body = reader.AsStream();
            var unpacked = layers == MostLayers || head.Length == 0 || isPlain(head) ? null : Unpacked(body, head, declared);
            if (unpacked is null) return (body, layers > 0);
            source = unpacked;
        }
    }

    private static Stream? Unpacked(Stream body, byte[] head, Stack<string> declared)
    {
        var encoding = declared.TryPop(out var named) ? named : "";
        // RFC 1952, 2.3.1: the magic number and the only method.
        if (head is [0x1F, 0x8B, 8, ..]) return new GZipStream(body, CompressionMode.Decompress);
        return encoding switch
        {
            // RFC 9110, 8.4.1.2: zlib's format (RFC 1950); some servers send the raw deflate data without it.
            "deflate" when head is [var method, var flags, ..] && (method & 0x0F) == 8 && ((method << 8) | flags) % 31 == 0 =>
                new ZLibStream(body, CompressionMode.Decompress),
            "deflate" => new DeflateStream(body, CompressionMode.Decompress),
            "br" => new BrotliStream(body, CompressionMode.Decompress),
            _ => null,
        };
    }
}
