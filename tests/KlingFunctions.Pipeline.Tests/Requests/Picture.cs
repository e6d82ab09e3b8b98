using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace KlingFunctions.Pipeline.Tests.Requests;

/// <summary>Images made from the small files in <c>Images</c>, all of which are 640×360 px.</summary>
internal static class Picture
{
    public const int Width = 640;
    public const int Height = 360;

    public static byte[] File(string name) => System.IO.File.ReadAllBytes(Path.Combine(Folder(), "Images", name));

    /// <summary>A PNG with this size in its header.</summary>
    public static byte[] Png(int width, int height)
    {
        var png = File("picture.png");
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), height);
        return png;
    }

    /// <summary>A PNG of 640×360 px that is <paramref name="bytes"/> long.</summary>
    public static byte[] PngOfLength(int bytes)
    {
        var png = File("picture.png");
        Array.Resize(ref png, bytes);
        return png;
    }

    /// <summary>A JPEG with its frame header behind about this many bytes of metadata, as in a photograph with embedded previews.</summary>
    public static byte[] JpegWithMetadata(int bytes)
    {
        var jpeg = File("baseline.jpg");
        byte[] segment = [0xFF, 0xE2, 0xFF, 0xFF, .. new byte[0xFFFD]];
        return [.. jpeg[..2], .. Enumerable.Repeat(segment, (bytes + 0xFFFE) / 0xFFFF).SelectMany(s => s), .. jpeg[2..]];
    }

    /// <summary>A JPEG with about this many bytes of pixels.</summary>
    public static byte[] LargeJpeg(int bytes)
    {
        var jpeg = File("baseline.jpg");
        return [.. jpeg[..^2], .. Enumerable.Repeat((byte)0x5A, bytes), .. jpeg[^2..]];
    }

    /// <summary>The JPEG with the header of a progressive one.</summary>
    public static byte[] ProgressiveJpeg()
    {
        var jpeg = File("baseline.jpg");
        jpeg[jpeg.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]) + 1] = 0xC2;
        return jpeg;
    }

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
