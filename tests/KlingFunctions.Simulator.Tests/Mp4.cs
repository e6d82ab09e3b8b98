using System.Buffers.Binary;
using System.Text;

namespace KlingFunctions.Simulator.Tests;

/// <summary>The structure of an MP4 file (ISO/IEC 14496-12): its top-level boxes, and the headers of its first track.</summary>
internal sealed record Mp4(IReadOnlyList<string> Boxes, int Width, int Height, TimeSpan Duration)
{
    public static Mp4 Read(byte[] file)
    {
        var top = Children(file).ToList();
        var moov = top.Single(box => box.Type == "moov").Content;
        // Version 0: 4 bytes of version and flags, two times, then timescale and duration.
        var header = Children(moov).Single(box => box.Type == "mvhd").Content;
        var duration = TimeSpan.FromSeconds((double)Number(header, 16) / Number(header, 12));
        var track = Children(Children(moov).First(box => box.Type == "trak").Content).Single(box => box.Type == "tkhd").Content;
        // Width and height are the last two fields, in 16.16 fixed point.
        return new([.. top.Select(box => box.Type)], Number(track, track.Length - 8) >> 16, Number(track, track.Length - 4) >> 16, duration);
    }

    private static int Number(byte[] box, int at) => BinaryPrimitives.ReadInt32BigEndian(box.AsSpan(at));

    private static IEnumerable<(string Type, byte[] Content)> Children(byte[] box)
    {
        for (long at = 0; at < box.Length;)
        {
            long size = BinaryPrimitives.ReadUInt32BigEndian(box.AsSpan((int)at));
            var header = size == 1 ? 16 : 8;
            if (size == 1) size = BinaryPrimitives.ReadInt64BigEndian(box.AsSpan((int)at + 8));
            Assert.InRange(size, header, box.Length - at);
            yield return (Encoding.ASCII.GetString(box, (int)at + 4, 4), box[((int)at + header)..(int)(at + size)]);
            at += size;
        }
    }
}
