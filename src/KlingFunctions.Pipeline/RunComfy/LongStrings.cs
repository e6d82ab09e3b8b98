namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// Cuts long strings out of JSON while it is read. An answer may repeat the request, images as <c>data:</c> URIs included, and what it names of a
/// paid video stands somewhere behind them: so it is read to its end, in the memory of a short one.
/// </summary>
internal sealed class LongStrings
{
    /// <summary>So much of a string stays. Signed URLs are shorter.</summary>
    public const int Kept = 8 * 1024;

    private bool _isString;
    private bool _isCut;
    private bool _isEscaped;
    private int _hexDigits;
    private int _length;

    /// <summary>Writes what stays of a piece.</summary>
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
                // Only between two characters: in the middle of an escape, or of the bytes of one character, a cut would leave what is no JSON.
                _isCut |= _length >= Kept && (next & 0xC0) is not 0x80;
                _isEscaped = next == '\\';
            }
            if (_isString) _length++;
            if (!_isCut) kept.WriteByte(next);
        }
    }
}
