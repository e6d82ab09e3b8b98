using System.Buffers.Binary;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Fuzz;

/// <summary>Images are checked by their first bytes, which the server chooses.</summary>
public class ImageAttacks
{
    [Fact]
    public void Corrupted_image_is_measured_or_refused_in_bounded_memory() => Barrage.Run(5_000, random =>
    {
        var image = Spoil.Bytes(random, Good.Image(Good.Images[random.Next(Good.Images.Length)]));
        Judge(random.Next(10) == 0 ? Spoil.Bytes(random, image) : image);
    });

    public static TheoryData<string> Lengths => ["picture.png", "lossy.webp", "lossless.webp", "extended.webp", "baseline.jpg"];

    /// <summary>A length in a header is not trusted: no memory may be reserved before the bytes arrive.</summary>
    [Theory, MemberData(nameof(Lengths))]
    public void Length_of_two_gigabytes_in_a_header_allocates_nothing(string file)
    {
        var good = Good.Image(file);
        for (var at = 0; at < Math.Min(good.Length - 4, 600); at++)
        {
            foreach (var length in (int[])[int.MaxValue, 0x7FFFFFC7, 0x3FFFFFFF, -1, int.MinValue])
            {
                var image = good.ToArray();
                BinaryPrimitives.WriteInt32BigEndian(image.AsSpan(at), length);
                Judge(image);
                BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(at), length);
                Judge(image);
            }
        }
    }

    [Fact]
    public void Endless_metadata_before_the_dimensions_is_skipped_not_buffered()
    {
        var jpeg = Good.Image("baseline.jpg");
        // Exif, ICC profiles and comments of many lengths. The first has directories that point at themselves.
        byte[] exif = [.. "Exif\0\0II*\0\x08\0\0\0\xFF\xFF"u8, .. Enumerable.Repeat((byte)8, 500)];
        foreach (var marker in (byte[])[0xE1, 0xE2, 0xED, 0xFE])
        {
            foreach (var length in (int[])[2, 3, 600, 0xFFFF])
            {
                byte[] segment = [0xFF, marker, (byte)(length >> 8), (byte)length, .. exif.Concat(new byte[length]).Take(length - 2)];
                var segments = new byte[Math.Min(ImageHeader.MostBytes / segment.Length, 200_000) * segment.Length];
                for (var at = 0; at < segments.Length; at += segment.Length) segment.CopyTo(segments, at);
                Judge([.. jpeg[..2], .. segments, .. jpeg[2..]]);
            }
        }
    }

    [Fact]
    public void Compressed_text_in_a_PNG_is_never_decompressed()
    {
        var png = Good.Image("picture.png");
        var bomb = Spoil.Packed(new byte[30_000_000]);
        foreach (var type in (string[])["zTXt", "iTXt", "iCCP"])
        {
            byte[] chunk = [0, 0, (byte)(bomb.Length >> 8), (byte)bomb.Length, .. System.Text.Encoding.ASCII.GetBytes(type), .. bomb, 0, 0, 0, 0];
            Judge([.. png[..33], .. chunk, .. png[33..]]);
            Judge([.. png[..8], .. chunk, .. png[8..]]);
        }
    }

    private static void Judge(byte[] image)
    {
        ImageHeader? header = null;
        string? notAnImage = null;
        var allocated = Barrage.Allocated(() => header = ImageHeader.Read(image, out notAnImage));
        Assert.True(header is null || (notAnImage is null && header.Width > 0 && header.Height > 0), $"{header} {notAnImage}");
        Assert.True(allocated < 256 * 1024 + (4L * image.Length), $"{allocated:N0} bytes were allocated for an image of {image.Length:N0}.");
    }
}
