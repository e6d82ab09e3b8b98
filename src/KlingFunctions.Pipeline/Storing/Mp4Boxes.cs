using System.Buffers.Binary;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Tells whether an MP4 or QuickTime file ends too early, by the sizes that its own boxes announce (ISO/IEC 14496-12, 4.2): a server that
/// has lost the rest may name a length that fits what it has. Takes the file in pieces, and keeps no more of it than a header.
/// </summary>
internal sealed class Mp4Boxes
{
    private const int ShortHeader = 8;
    private const int LongHeader = 16;

    // What stands at the top level of such files. What is anything else, a trailer of somebody's own say, is left alone: better to keep a
    // file that is odd than to give up one that is paid for.
    private static readonly HashSet<uint> Known =
    [
        .. from type in (string[])["ftyp", "styp", "moov", "moof", "mfra", "mdat", "free", "skip", "wide", "pnot", "sidx", "meta", "uuid"]
           select Code(type),
    ];

    private static readonly uint Moov = Code("moov"), Moof = Code("moof"), Mdat = Code("mdat");

    private readonly byte[] _header = new byte[LongHeader];
    private int _headerLength;
    private long _left;
    private bool _lost;
    private bool _hasMovie;
    private bool _hasData;

    /// <summary>Whether the last box that was begun goes on beyond what has been taken.</summary>
    public bool EndTooEarly => _left > 0;

    /// <summary>Whether what has been taken is a whole file by its own account: it ends with a box, and has both a description and data.</summary>
    public bool AreWhole => !_lost && _left == 0 && _headerLength == 0 && _hasMovie && _hasData;

    /// <summary>How far they were read, for <see cref="Restore"/>.</summary>
    public BoxesRead Read => new(Convert.ToBase64String(_header, 0, _headerLength), _left, _lost, _hasMovie, _hasData);

    /// <summary>Goes on from <see cref="Read"/>.</summary>
    /// <exception cref="FormatException">It can't be read.</exception>
    public static Mp4Boxes Restore(BoxesRead read)
    {
        var header = Convert.FromBase64String(read.Header);
        if (header.Length >= LongHeader) throw new FormatException("The header of a box is too long.");
        var boxes = new Mp4Boxes { _headerLength = header.Length, _left = read.Left, _lost = read.IsLost, _hasMovie = read.HasMovie, _hasData = read.HasData };
        header.CopyTo(boxes._header, 0);
        return boxes;
    }

    /// <summary>Takes what comes next.</summary>
    public void Take(ReadOnlySpan<byte> chunk)
    {
        while (chunk.Length > 0 && !_lost)
        {
            if (_left > 0)
            {
                var passed = (int)Math.Min(_left, chunk.Length);
                _left -= passed;
                chunk = chunk[passed..];
            }
            else
            {
                _header[_headerLength++] = chunk[0];
                chunk = chunk[1..];
                ReadHeader();
            }
        }
    }

    private void ReadHeader()
    {
        if (_headerLength < ShortHeader) return;
        long size = BinaryPrimitives.ReadUInt32BigEndian(_header);
        if (size == 1)
        {
            if (_headerLength < LongHeader) return;
            size = BinaryPrimitives.ReadInt64BigEndian(_header.AsSpan(ShortHeader));
        }
        // A size of 0 is that of a last box, which ends where the file does.
        var type = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(4));
        _hasMovie |= type == Moov || type == Moof;
        _hasData |= type == Mdat;
        _lost = size < _headerLength || !Known.Contains(type);
        _left = _lost ? 0 : size - _headerLength;
        _headerLength = 0;
    }

    private static uint Code(string type) => type.Aggregate(0u, (code, letter) => (code << 8) | letter);
}
