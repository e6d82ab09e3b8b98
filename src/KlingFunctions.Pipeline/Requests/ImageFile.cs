using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The completeness of an image file.</summary>
internal enum ImageFileState
{
    /// <summary>An image up to its own end mark.</summary>
    Whole,

    /// <summary>A truncated image, or one with holes: still being written, or never completed.</summary>
    CutOff,

    /// <summary>Neither JPEG nor PNG nor WebP.</summary>
    NotAnImage,
}

/// <summary>
/// Decides from the bytes alone whether an image is complete. No file system reports this: a copy may pause for seconds, or have its full
/// length, filled with zeros, from the start.
/// </summary>
internal static class ImageFile
{
    // Compressed pixels do not end in so many zeros; the unwritten end of a file does.
    private const int MostZerosAtEnd = 512;

    private const byte JpegMark = 0xFF;
    private const byte JpegEnd = 0xD9;
    private const byte JpegScan = 0xDA;

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads only as far as needed.</summary>
    public static Task<ImageFileState> ReadAsync(Stream content, CancellationToken cancellationToken) =>
        ReadAsync(new ByteWindow(content), cancellationToken);

    /// <summary>
    /// Reads all, and gives the SHA-256 of the image up to its end mark and of the whole file, in lower-case hex. They differ for an image
    /// with other data behind it, such as the film of a motion photo.
    /// </summary>
    public static async Task<(ImageFileState State, string Image, string File)> HashAsync(Stream content, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var file = new ByteWindow(content, hash);
        var state = await ReadAsync(file, cancellationToken);
        var image = Convert.ToHexStringLower(hash.GetCurrentHash());
        await file.SkipAsync(long.MaxValue, cancellationToken);
        var whole = Convert.ToHexStringLower(hash.GetHashAndReset());
        return (state, state is ImageFileState.Whole ? image : whole, whole);
    }

    private static async Task<ImageFileState> ReadAsync(ByteWindow file, CancellationToken cancellationToken)
    {
        await file.HasAsync(12, cancellationToken);
        if (file.Bytes.IsEmpty || file.Bytes[..Math.Min(12, file.Bytes.Length)].IndexOfAnyExcept((byte)0) < 0) return ImageFileState.CutOff;
        bool isWhole;
        if (StartsLike(file.Bytes, PngSignature)) isWhole = await IsWholePngAsync(file, cancellationToken);
        else if (StartsLike(file.Bytes, [JpegMark, 0xD8, JpegMark])) isWhole = await IsWholeJpegAsync(file, cancellationToken);
        else if (StartsLike(file.Bytes, "RIFF"u8) && (file.Bytes.Length < 12 || file.Bytes[8..12].SequenceEqual("WEBP"u8)))
            isWhole = await IsWholeWebPAsync(file, cancellationToken);
        else return ImageFileState.NotAnImage;
        return isWhole ? ImageFileState.Whole : ImageFileState.CutOff;
    }

    /// <summary>Whether the last bytes of a file contain the end mark of its format. WebP has none: its length is in its header.</summary>
    public static bool HoldsEnd(ReadOnlySpan<byte> tail, string format) =>
        tail.IndexOf(format == "PNG" ? "IEND"u8 : [JpegMark, JpegEnd]) >= 0;

    private static bool StartsLike(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> signature)
    {
        var length = Math.Min(bytes.Length, signature.Length);
        return bytes[..length].SequenceEqual(signature[..length]);
    }

    // Lengths alone do not show a hole; the checksum of the pixels does.
    private static async Task<bool> IsWholePngAsync(ByteWindow file, CancellationToken cancellationToken)
    {
        if (!await file.SkipAsync(PngSignature.Length, cancellationToken)) return false;
        var checksum = new Crc32();
        while (await file.HasAsync(8, cancellationToken))
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.Bytes);
            var isPixels = file.Bytes[4..8].SequenceEqual("IDAT"u8);
            var isEnd = file.Bytes[4..8].SequenceEqual("IEND"u8);
            checksum.Reset();
            checksum.Append(file.Bytes[4..8]);
            if (!await file.SkipAsync(8, cancellationToken)) return false;
            if (!await file.SkipAsync(length, cancellationToken, isPixels ? checksum.Append : null) || !await file.HasAsync(4, cancellationToken)) return false;
            if (isPixels && BinaryPrimitives.ReadUInt32BigEndian(file.Bytes) != checksum.GetCurrentHashAsUInt32()) return false;
            await file.SkipAsync(4, cancellationToken);
            if (isEnd) return true;
        }
        return false;
    }

    // Metadata may contain whole small JPEGs: segments are skipped by length, so that the first end mark found is that of the file.
    private static async Task<bool> IsWholeJpegAsync(ByteWindow file, CancellationToken cancellationToken)
    {
        if (!await file.SkipAsync(2, cancellationToken)) return false;
        var hasScan = false;
        while (await file.SkipToAsync(JpegMark, cancellationToken) && await file.HasAsync(2, cancellationToken))
        {
            var mark = file.Bytes[1];
            if (mark == JpegEnd) return await file.SkipAsync(2, cancellationToken) && hasScan;
            // Pixel data, a restart marker or padding: these have no length field.
            if (mark is JpegMark or 0x00 or 0x01 or (>= 0xD0 and <= 0xD8))
            {
                await file.SkipAsync(mark == JpegMark ? 1 : 2, cancellationToken);
                continue;
            }
            if (!await file.HasAsync(4, cancellationToken)) return false;
            var length = BinaryPrimitives.ReadUInt16BigEndian(file.Bytes[2..]);
            if (!await file.SkipAsync(2 + length, cancellationToken)) return false;
            hasScan |= mark == JpegScan;
        }
        return false;
    }

    private static async Task<bool> IsWholeWebPAsync(ByteWindow file, CancellationToken cancellationToken)
    {
        if (!await file.HasAsync(12, cancellationToken)) return false;
        var left = (long)BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes[4..]) - 4;
        await file.SkipAsync(12, cancellationToken);
        var hasPixels = false;
        while (left >= 8)
        {
            if (!await file.HasAsync(8, cancellationToken)) return false;
            var isPixels = file.Bytes[..3].SequenceEqual("VP8"u8) && file.Bytes[3] is (byte)' ' or (byte)'L' || file.Bytes[..4].SequenceEqual("ANMF"u8);
            var length = (long)BinaryPrimitives.ReadUInt32LittleEndian(file.Bytes[4..]);
            await file.SkipAsync(8, cancellationToken);
            var zeros = 0L;
            void CountZeros(ReadOnlySpan<byte> bytes)
            {
                var last = bytes.LastIndexOfAnyExcept((byte)0);
                zeros = last < 0 ? zeros + bytes.Length : bytes.Length - last - 1;
            }
            if (!await file.SkipAsync(length, cancellationToken, CountZeros)) return false;
            if (isPixels && zeros >= MostZerosAtEnd) return false;
            left -= 8 + length;
            if (length % 2 == 1 && left-- > 0 && !await file.SkipAsync(1, cancellationToken)) return false;
            hasPixels |= isPixels;
        }
        return hasPixels;
    }

    /// <summary>The bytes of a stream that were read and not skipped yet.</summary>
    private sealed class ByteWindow(Stream content, IncrementalHash? hash = null)
    {
        private readonly byte[] _buffer = new byte[64 * 1024];
        private int _start;
        private int _end;

        public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(_start, _end - _start);

        public async ValueTask<bool> HasAsync(int count, CancellationToken cancellationToken)
        {
            if (_end - _start >= count) return true;
            Bytes.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            _end += await content.ReadAtLeastAsync(_buffer.AsMemory(_end), count - _end, throwOnEndOfStream: false, cancellationToken);
            return _end >= count;
        }

        public async ValueTask<bool> SkipAsync(long count, CancellationToken cancellationToken, Action<ReadOnlySpan<byte>>? see = null)
        {
            while (count > 0)
            {
                if (!await HasAsync(1, cancellationToken)) return false;
                var step = (int)Math.Min(count, _end - _start);
                see?.Invoke(_buffer.AsSpan(_start, step));
                Pass(step);
                count -= step;
            }
            return true;
        }

        public async ValueTask<bool> SkipToAsync(byte value, CancellationToken cancellationToken)
        {
            while (await HasAsync(1, cancellationToken))
            {
                var at = Bytes.IndexOf(value);
                Pass(at < 0 ? _end - _start : at);
                if (at >= 0) return true;
            }
            return false;
        }

        private void Pass(int count)
        {
            hash?.AppendData(_buffer, _start, count);
            _start += count;
        }
    }
}
