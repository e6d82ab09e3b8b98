using System.Buffers.Binary;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Detects a truncated MP4 or QuickTime file by the sizes of its own boxes (ISO/IEC 14496-12, 4.2): a server that lost the rest may send a
/// matching length. Reads the file in pieces, and buffers no more than a header.
/// </summary>
internal sealed class Mp4Boxes
{
    private const int ShortHeader = 8;
    private const int LongHeader = 16;

    // Boxes at the top level of such files. After any other data, such as a private trailer, checking stops: an odd file is better than a
    // paid video lost.
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

    /// <summary>Whether the last box continues beyond the bytes read.</summary>
    public bool EndTooEarly => _left > 0;

    /// <summary>Whether the bytes read form a whole file: they end with a box, and have both a description and data.</summary>
    public bool AreWhole => !_lost && _left == 0 && _headerLength == 0 && _hasMovie && _hasData;

    /// <summary>The reader's state, for <see cref="Restore"/>.</summary>
    public BoxesRead Read => new(Convert.ToBase64String(_header, 0, _headerLength), _left, _lost, _hasMovie, _hasData);

    /// <summary>Continues from <see cref="Read"/>.</summary>
    /// <exception cref="FormatException">The state can't be read.</exception>
    public static Mp4Boxes Restore(BoxesRead read)
    {
        var header = Convert.FromBase64String(read.Header);
        if (header.Length >= LongHeader) throw new FormatException("The header of a box is too long.");
        var boxes = new Mp4Boxes { _headerLength = header.Length, _left = read.Left, _lost = read.IsLost, _hasMovie = read.HasMovie, _hasData = read.HasData };
        header.CopyTo(boxes._header, 0);
        return boxes;
    }

    /// <summary>Reads the next bytes.</summary>
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
        // Size 0 marks the last box, which ends with the file.
        var type = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(4));
        _hasMovie |= type == Moov || type == Moof;
        _hasData |= type == Mdat;
        _lost = size < _headerLength || !Known.Contains(type);
        _left = _lost ? 0 : size - _headerLength;
        _headerLength = 0;
    }

    private static uint Code(string type) => type.Aggregate(0u, (code, letter) => (code << 8) | letter);
}
