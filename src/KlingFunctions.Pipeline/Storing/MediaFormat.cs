using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>A file format that is stored, recognised by its first bytes: the server's media type counts for less.</summary>
/// <param name="Kind">A video or an image.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Extension">The usual file extension, with the dot.</param>
public sealed record MediaFormat(OutputKind Kind, string ContentType, string Extension)
{
    /// <summary>The number of bytes that <see cref="Recognise"/> needs.</summary>
    public const int HeadLength = 64;

    private static readonly MediaFormat Mp4 = new(OutputKind.Video, "video/mp4", ".mp4");
    private static readonly MediaFormat QuickTime = new(OutputKind.Video, "video/quicktime", ".mov");
    private static readonly MediaFormat WebM = new(OutputKind.Video, "video/webm", ".webm");
    private static readonly MediaFormat Matroska = new(OutputKind.Video, "video/x-matroska", ".mkv");
    private static readonly MediaFormat Avi = new(OutputKind.Video, "video/x-msvideo", ".avi");
    private static readonly MediaFormat TransportStream = new(OutputKind.Video, "video/mp2t", ".ts");
    private static readonly MediaFormat ProgramStream = new(OutputKind.Video, "video/mpeg", ".mpg");
    private static readonly MediaFormat Flash = new(OutputKind.Video, "video/x-flv", ".flv");
    private static readonly MediaFormat Ogg = new(OutputKind.Video, "video/ogg", ".ogv");
    private static readonly MediaFormat Jpeg = new(OutputKind.Image, "image/jpeg", ".jpg");
    private static readonly MediaFormat Png = new(OutputKind.Image, "image/png", ".png");
    private static readonly MediaFormat WebP = new(OutputKind.Image, "image/webp", ".webp");
    private static readonly MediaFormat Gif = new(OutputKind.Image, "image/gif", ".gif");

    private static readonly MediaFormat[] All = [Mp4, QuickTime, WebM, Matroska, Avi, TransportStream, ProgramStream, Flash, Ogg, Jpeg, Png, WebP, Gif];

    /// <summary>The format of a file with these first bytes; null if it is not one of those that are stored.</summary>
    /// <param name="head">The first <see cref="HeadLength"/> bytes, or the whole of a shorter file.</param>
    public static MediaFormat? Recognise(ReadOnlySpan<byte> head) => head switch
    {
        // ISO/IEC 14496-12, 4.3: a size, "ftyp", the major brand. HEIF and AVIF images begin in the same way.
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', .. var brand] when brand.Length >= 4 => brand[..4] switch
        {
            var b when b.SequenceEqual("qt  "u8) => QuickTime,
            var b when b.StartsWith("avi"u8) || b.StartsWith("hei"u8) || b.StartsWith("hev"u8) => null,
            var b when b.SequenceEqual("mif1"u8) || b.SequenceEqual("msf1"u8) => null,
            _ => Mp4,
        },
        // EBML (RFC 8794): the document type is within the first few dozen bytes.
        [0x1A, 0x45, 0xDF, 0xA3, .. var rest] when rest.IndexOf("webm"u8) >= 0 => WebM,
        [0x1A, 0x45, 0xDF, 0xA3, .. var rest] when rest.IndexOf("matroska"u8) >= 0 => Matroska,
        // Not what RunComfy documents, but a video that is paid for.
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'A', (byte)'V', (byte)'I', (byte)' ', ..] => Avi,
        [0, 0, 1, 0xBA, ..] => ProgramStream,
        [(byte)'F', (byte)'L', (byte)'V', 1, ..] => Flash,
        [(byte)'O', (byte)'g', (byte)'g', (byte)'S', 0, ..] => Ogg,
        // ISO/IEC 13818-1: a sync byte, three flags and the 13 bits of the first table's number.
        [0x47, var flags, 0 or 0x11, ..] when (flags & 0x9F) == 0 => TransportStream,
        // Files of older QuickTime, and segmented streams, begin with another box than "ftyp".
        [< 0x10, _, _, _, .. var box] when box.Length >= 4 && IsFirstBox(box[..4]) => box.StartsWith("styp"u8) ? Mp4 : QuickTime,
        // Media data of 268 MB or more, told from a text by the control characters in its size.
        [_, _, _, _, (byte)'m', (byte)'d', (byte)'a', (byte)'t', ..] when head[..4].ContainsAnyInRange((byte)0, (byte)8) => QuickTime,
        [0xFF, 0xD8, 0xFF, ..] => Jpeg,
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Png,
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => WebP,
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => Gif,
        _ => null,
    };

    private static bool IsFirstBox(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("moov"u8) || type.SequenceEqual("mdat"u8) || type.SequenceEqual("wide"u8) || type.SequenceEqual("styp"u8)
        || type.SequenceEqual("free"u8) || type.SequenceEqual("skip"u8) || type.SequenceEqual("pnot"u8);

    /// <summary>The file extension for a media type, with the dot; <c>.bin</c> for any other type.</summary>
    /// <param name="contentType">Such as <c>video/mp4</c>.</param>
    public static string ExtensionOf(string contentType) => Array.Find(All, format => format.ContentType == contentType)?.Extension ?? ".bin";
}
