using System.Buffers.Binary;
using MetadataExtractor;
using MetadataExtractor.Formats.Jpeg;
using MetadataExtractor.Formats.Png;
using MetadataExtractor.Formats.Riff;
using MetadataExtractor.Formats.WebP;
using MetadataExtractor.IO;
using MetadataExtractor.Util;
using Directory = MetadataExtractor.Directory;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The properties of an image, from its first bytes.</summary>
/// <param name="Format">JPEG, PNG or WebP.</param>
/// <param name="Width">Pixels, as stored: a rotation in Exif is not applied, since no document says that the provider applies it.</param>
/// <param name="Height">Pixels, as stored.</param>
internal sealed record ImageHeader(string Format, int Width, int Height)
{
    /// <summary>
    /// The most bytes that are searched for the size: photographs may have megabytes of metadata before it, up to the limit of the file.
    /// </summary>
    public const int MostBytes = 10_000_000;

    /// <summary>The media type of the format.</summary>
    public string ContentType => $"image/{Format.ToLowerInvariant()}";

    private const int SignatureLength = 16;
    private const int PngHeaderLength = 33;
    private const int WebPHeaderLength = 30;
    private static ReadOnlySpan<byte> PngEnd => [0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xAE, 0x42, 0x60, 0x82];

    // JPEG, PNG, WebP.
    private static readonly byte[][] Signatures = [[0xFF, 0xD8, 0xFF], [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A], [.. "RIFF"u8]];

    private static readonly JpegSegmentType[] Frames =
    [
        JpegSegmentType.Sof0, JpegSegmentType.Sof1, JpegSegmentType.Sof2, JpegSegmentType.Sof3, JpegSegmentType.Sof5,
        JpegSegmentType.Sof6, JpegSegmentType.Sof7, JpegSegmentType.Sof9, JpegSegmentType.Sof10, JpegSegmentType.Sof11,
        JpegSegmentType.Sof13, JpegSegmentType.Sof14, JpegSegmentType.Sof15,
    ];

    /// <summary>
    /// Reads the header from the first bytes of a file; null while there are too few of them. If more bytes can't help,
    /// <paramref name="notAnImage"/> says what the bytes are instead.
    /// </summary>
    public static ImageHeader? Read(ReadOnlySpan<byte> start, out string? notAnImage)
    {
        notAnImage = null;
        var type = Detect(start);
        try
        {
            var header = type switch
            {
                FileType.Jpeg => ReadJpeg(start),
                FileType.Png => ReadPng(start),
                FileType.WebP => ReadWebP(start),
                _ => null,
            };
            var mayBecomeOne = (start.Length < SignatureLength && MayBeStarting(start)) || type is FileType.Jpeg or FileType.Png or FileType.WebP;
            if (header is { Width: <= 0 } or { Height: <= 0 }) notAnImage = $"a {header.Format} without a size";
            else if (!mayBecomeOne) notAnImage = type == FileType.Unknown ? "no known kind of image" : $"of the kind {type.GetName()}";
            return notAnImage is null ? header : null;
        }
        catch (Exception e) when (e is ImageProcessingException or IOException)
        {
            notAnImage = $"a broken {type.GetName()}";
            return null;
        }
    }

    /// <summary>Whether these few bytes are the beginning of a signature.</summary>
    private static bool MayBeStarting(ReadOnlySpan<byte> start)
    {
        foreach (var signature in Signatures)
            if (start.StartsWith(signature.AsSpan(0, Math.Min(start.Length, signature.Length)))) return true;
        return false;
    }

    private static FileType Detect(ReadOnlySpan<byte> start)
    {
        using var stream = new MemoryStream(start[..Math.Min(start.Length, 64)].ToArray());
        return FileTypeDetector.DetectFileType(stream);
    }

    // The size is in the frame header, behind any number of metadata segments.
    private static ImageHeader? ReadJpeg(ReadOnlySpan<byte> start)
    {
        using var stream = new MemoryStream(start.ToArray());
        try
        {
            var frame = JpegSegmentReader.ReadSegments(new SequentialStreamReader(stream), Frames).FirstOrDefault();
            return frame is null ? null : Header("JPEG", new JpegReader().Extract(frame), JpegDirectory.TagImageWidth, JpegDirectory.TagImageHeight);
        }
        catch (IOException)
        {
            return null; // The bytes end within a segment.
        }
    }

    // The size is in the first chunk. The library reads to the end chunk, so one is appended right after the first.
    private static ImageHeader? ReadPng(ReadOnlySpan<byte> start)
    {
        if (start.Length < PngHeaderLength) return null;
        using var stream = new MemoryStream([.. start[..PngHeaderLength], .. PngEnd]);
        var chunk = new PngChunkReader().Extract(new SequentialStreamReader(stream), [PngChunkType.IHDR]).Single();
        var header = new PngHeader(chunk.Bytes);
        return new ImageHeader("PNG", header.ImageWidth, header.ImageHeight);
    }

    // The size is in the first ten bytes of the first chunk. The library needs a whole chunk, so it gets one of ten bytes.
    private static ImageHeader? ReadWebP(ReadOnlySpan<byte> start)
    {
        if (start.Length < WebPHeaderLength) return null;
        var file = start[..WebPHeaderLength].ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), WebPHeaderLength - 8);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(16), WebPHeaderLength - 20);
        using var stream = new MemoryStream(file);
        var directories = new List<Directory>();
        new RiffReader().ProcessRiff(new SequentialStreamReader(stream, isMotorolaByteOrder: false), new WebPRiffHandler(directories));
        return Header("WebP", directories.OfType<WebPDirectory>().FirstOrDefault(), WebPDirectory.TagImageWidth, WebPDirectory.TagImageHeight);
    }

    private static ImageHeader Header(string format, Directory? directory, int widthTag, int heightTag)
    {
        var (width, height) = (0, 0);
        if (directory is not null && directory.TryGetInt32(widthTag, out width)) directory.TryGetInt32(heightTag, out height);
        return new ImageHeader(format, width, height);
    }
}
