using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Storing;

public class Mp4BoxesTests
{
    private const int Header = 8;

    [Fact]
    public void File_cut_within_a_box_is_truncated_and_a_complete_one_is_not()
    {
        var sizes = Gen.Choose(0, 500).NonEmptyListOf();
        Prop.ForAll(Gen.Zip(sizes, Gen.Zip(Gen.Choose(1, 300), Gen.Choose(0, int.MaxValue))).ToArbitrary(), drawn =>
        {
            var (payloads, (piece, cutFrom)) = drawn;
            var boxes = payloads.Select((length, i) => Box(i == 0 ? "ftyp" : i % 2 == 0 ? "moov" : "mdat", length, large: i % 3 == 2)).ToList();
            var file = boxes.SelectMany(b => b).ToArray();
            Assert.False(EndsTooEarly(file, piece));

            var cut = cutFrom % file.Length;
            var start = boxes.Aggregate((Start: 0, End: 0), (at, box) => at.End > cut ? at : (at.End, at.End + box.Length)).Start;
            // Without the size of a box, a cut can't be noticed.
            Assert.Equal(cut - start >= HeaderAt(file, start), EndsTooEarly(file[..cut], piece));
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("junk")]
    [InlineData("\0\0\0\0")]
    public void Bytes_after_the_last_box_are_ignored(string type) =>
        Assert.False(EndsTooEarly([.. Box("ftyp", 8, large: false), .. Box("mdat", 100, large: false), 0, 0, 1, 0, .. Encoding.ASCII.GetBytes(type), 1, 2, 3], 1000));

    [Fact]
    public void Last_box_without_a_size_extends_to_the_end() =>
        Assert.False(EndsTooEarly([.. Box("ftyp", 8, large: false), 0, 0, 0, 0, .. "mdat"u8, 1, 2, 3], 1000));

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1 })]
    [InlineData(new byte[] { 0x1A, 0x45, 0xDF, 0xA3, 1, 2, 3, 4, 5 })]
    public void File_of_another_format_is_never_reported_as_truncated(byte[] file) => Assert.False(EndsTooEarly(file, 4));

    private static bool EndsTooEarly(byte[] file, int piece)
    {
        var boxes = new Mp4Boxes();
        foreach (var part in file.Chunk(piece)) boxes.Take(part);
        return boxes.EndTooEarly;
    }

    private static int HeaderAt(byte[] file, int start) => BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(start)) == 1 ? 2 * Header : Header;

    private static byte[] Box(string type, int payload, bool large)
    {
        var box = new byte[(large ? 2 * Header : Header) + payload];
        BinaryPrimitives.WriteUInt32BigEndian(box, large ? 1 : (uint)box.Length);
        Encoding.ASCII.GetBytes(type, box.AsSpan(4));
        if (large) BinaryPrimitives.WriteInt64BigEndian(box.AsSpan(Header), box.Length);
        return box;
    }
}
