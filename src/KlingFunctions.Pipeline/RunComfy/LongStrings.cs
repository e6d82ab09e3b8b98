namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// Cuts long strings out of JSON while it is read. An answer may repeat the request with its <c>data:</c> URIs before it names the paid
/// video, so it is read to the end, in little memory.
/// </summary>
internal sealed class LongStrings
{
    /// <summary>Bytes of a string that stay. Signed URLs are shorter.</summary>
    public const int Kept = 8 * 1024;

    private bool _isString;
    private bool _isCut;
    private bool _isEscaped;
    private int _hexDigits;
    private int _length;

    /// <summary>Writes the part of a piece that stays.</summary>
    public void Append(ReadOnlySpan<byte> piece, MemoryStream kept)
    {
        foreach (var next in piece)
        {
            if (!_isString)
            {
                _isString = next == '"';
            }
            else if (_isEscaped)
            {
                (_isEscaped, _hexDigits) = (false, next == 'u' ? 4 : 0);
            }
            else if (_hexDigits > 0)
            {
                _hexDigits--;
            }
            else if (next == '"')
            {
                (_isString, _isCut, _length) = (false, false, 0);
            }
            else
            {
                // Cut only between two characters: within an escape or a multi-byte character, the result would not be JSON.
                _isCut |= _length >= Kept && (next & 0xC0) is not 0x80;
                _isEscaped = next == '\\';
            }
            if (_isString) _length++;
            if (!_isCut) kept.WriteByte(next);
        }
    }
}
