using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Storing;

public class MediaFormatTests
{
    public static TheoryData<byte[], string?> Heads => new()
    {
        { [0, 0, 0, 24, .. "ftypisom"u8], "video/mp4" },
        { [0, 0, 0, 24, .. "ftypmp42"u8], "video/mp4" },
        { [0, 0, 0, 20, .. "ftypqt  "u8], "video/quicktime" },
        { [0, 0, 0, 28, .. "ftypheic"u8], null },
        { [0, 0, 0, 28, .. "ftypavif"u8], null },
        { [0, 0, 0, 28, .. "ftyp"u8], null },
        { [0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0x84, .. "webm"u8], "video/webm" },
        { [0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0x88, .. "matroska"u8], "video/x-matroska" },
        { [0xFF, 0xD8, 0xFF, 0xE0], "image/jpeg" },
        { [0x89, .. "PNG\r\n\u001a\n"u8], "image/png" },
        { [.. "RIFF"u8, 1, 2, 3, 4, .. "WEBPVP8 "u8], "image/webp" },
        { [.. "RIFF"u8, 1, 2, 3, 4, .. "AVI LIST"u8], "video/x-msvideo" },
        { [.. "GIF89a"u8], "image/gif" },
        { [.. "<!DOCTYPE html>"u8], null },
        { [], null },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public void File_is_recognised_by_its_first_bytes(byte[] head, string? contentType) => Assert.Equal(contentType, MediaFormat.Recognise(head)?.ContentType);

    [Fact]
    public void Every_format_has_its_own_extension_and_is_found_by_it() =>
        Prop.ForAll(ArbMap.Default.GeneratorFor<byte[]>().Zip(Gen.Elements(Heads.Select(row => row.Data.Item1).ToArray())).ToArbitrary(), given =>
            MediaFormat.Recognise([.. given.Item2, .. given.Item1]) is not { } format || MediaFormat.ExtensionOf(format.ContentType) == format.Extension).QuickCheckThrowOnFailure();
}
