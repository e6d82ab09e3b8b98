using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Pipeline.Tests.Requests;

public class ImageHeaderTests
{
    public static TheoryData<string, string> Formats => new()
    {
        { "baseline.jpg", "JPEG" }, { "picture.png", "PNG" }, { "lossy.webp", "WebP" }, { "lossless.webp", "WebP" }, { "extended.webp", "WebP" },
    };

    [Theory, MemberData(nameof(Formats))]
    public void Size_is_read_from_the_first_bytes_however_many_follow(string file, string format)
    {
        var bytes = Picture.File(file);
        var first = Enumerable.Range(0, bytes.Length + 1).First(n => ImageHeader.Read(bytes.AsSpan(0, n), out _) is not null);
        Assert.True(first <= 1_024, $"{first} bytes were needed");
        for (var n = 0; n <= bytes.Length; n++)
        {
            var header = ImageHeader.Read(bytes.AsSpan(0, n), out var notAnImage);
            Assert.Null(notAnImage);
            Assert.Equal(n < first ? null : new ImageHeader(format, Picture.Width, Picture.Height), header);
        }
    }

    [Fact]
    public void Progressive_JPEG_is_a_JPEG() =>
        Assert.Equal(new ImageHeader("JPEG", Picture.Width, Picture.Height), ImageHeader.Read(Picture.ProgressiveJpeg(), out _));

    [Fact]
    public void Any_size_that_a_PNG_can_have_is_read() =>
        Prop.ForAll(Gen.Choose(1, int.MaxValue).Two().ToArbitrary(), size =>
            ImageHeader.Read(Picture.Png(size.Item1, size.Item2), out _) == new ImageHeader("PNG", size.Item1, size.Item2)).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("<!DOCTYPE html><html><body>Please log in</body></html>", "no known kind")]
    [InlineData("{\"error\":\"not found\", \"code\": 404}", "no known kind")]
    [InlineData("%PDF-1.7 and so on and so forth", "no known kind")]
    [InlineData("hello", "no known kind")]
    public void Other_content_is_not_an_image(string text, string says)
    {
        Assert.Null(ImageHeader.Read(System.Text.Encoding.UTF8.GetBytes(text), out var notAnImage));
        Assert.Contains(says, notAnImage, StringComparison.Ordinal);
    }

    [Fact]
    public void Unsupported_image_format_is_named()
    {
        Assert.Null(ImageHeader.Read(Picture.File("picture.gif"), out var notAnImage));
        Assert.Contains("GIF", notAnImage, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_without_a_size_is_not_an_image()
    {
        Assert.Null(ImageHeader.Read(Picture.Png(0, 300), out var notAnImage));
        Assert.NotNull(notAnImage);
    }

    [Fact]
    public void Any_bytes_after_a_valid_signature_throw_nothing() =>
        Prop.ForAll(
            (from start in Gen.Elements<byte[]>(
                [0xFF, 0xD8, 0xFF], [0x89, .. "PNG\r\n\u001a\n"u8], [0x89, .. "PNG\r\n\u001a\n\0\0\0\u000dIHDR"u8],
                [.. "RIFF\0\0\0\0WEBPVP8 "u8], [.. "RIFF\0\0\0\0WEBPVP8L"u8], [.. "RIFF\0\0\0\0WEBPVP8X"u8], [.. "RIFF\0\0\0\0WEBP"u8], [.. "RIFF"u8], [])
             from rest in ArbMap.Default.GeneratorFor<byte[]>()
             select (byte[])[.. start, .. rest ?? []]).ToArbitrary(),
            bytes => ImageHeader.Read(bytes, out var notAnImage) is not { } header || (notAnImage is null && header.Width > 0 && header.Height > 0))
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Flipped_byte_in_a_header_throws_nothing() =>
        Prop.ForAll(
            (from file in Gen.Elements("baseline.jpg", "picture.png", "lossy.webp", "lossless.webp", "extended.webp")
             from at in Gen.Choose(0, 1_000)
             from value in ArbMap.Default.GeneratorFor<byte>()
             select (file, at, value)).ToArbitrary(),
            change =>
            {
                var bytes = Picture.File(change.file);
                bytes[change.at % Math.Min(bytes.Length, 700)] = change.value;
                return ImageHeader.Read(bytes, out _) is not { Width: <= 0 };
            }).QuickCheckThrowOnFailure();
}
