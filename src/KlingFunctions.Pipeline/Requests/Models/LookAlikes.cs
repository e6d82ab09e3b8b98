using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace KlingFunctions.Pipeline.Requests.Models;

/// <summary>
/// Characters that look like plain ones: full-width and mathematical letters and digits, invisible characters, letters of other alphabets.
/// A model compares code points, and does not recognise them.
/// </summary>
internal static class LookAlikes
{
    // Runs of characters whose compatibility form (NFKC of Unicode 15) is one plain character: the first, its plain form, and the number of
    // characters that follow in order. .NET does not normalise when globalization is invariant, as it is here.
    private static readonly (int First, char Plain, int Count)[] Runs =
    [
        (0xAA, 'a', 1), (0xB2, '2', 2), (0xB9, '1', 1), (0xBA, 'o', 1), (0x17F, 's', 1), (0x2B0, 'h', 1), (0x2B2, 'j', 1),
        (0x2B3, 'r', 1), (0x2B7, 'w', 1), (0x2B8, 'y', 1), (0x2E1, 'l', 1), (0x2E2, 's', 1), (0x2E3, 'x', 1), (0x1D2C, 'A', 1),
        (0x1D2E, 'B', 1), (0x1D30, 'D', 2), (0x1D33, 'G', 8), (0x1D3C, 'O', 1), (0x1D3E, 'P', 1), (0x1D3F, 'R', 1), (0x1D40, 'T', 2),
        (0x1D42, 'W', 1), (0x1D43, 'a', 1), (0x1D47, 'b', 1), (0x1D48, 'd', 2), (0x1D4D, 'g', 1), (0x1D4F, 'k', 1), (0x1D50, 'm', 1),
        (0x1D52, 'o', 1), (0x1D56, 'p', 1), (0x1D57, 't', 2), (0x1D5B, 'v', 1), (0x1D62, 'i', 1), (0x1D63, 'r', 1), (0x1D64, 'u', 2),
        (0x1D9C, 'c', 1), (0x1DA0, 'f', 1), (0x1DBB, 'z', 1), (0x2070, '0', 1), (0x2071, 'i', 1), (0x2074, '4', 6), (0x207F, 'n', 1),
        (0x2080, '0', 10), (0x2090, 'a', 1), (0x2091, 'e', 1), (0x2092, 'o', 1), (0x2093, 'x', 1), (0x2095, 'h', 1), (0x2096, 'k', 4),
        (0x209A, 'p', 1), (0x209B, 's', 2), (0x2102, 'C', 1), (0x210A, 'g', 1), (0x210B, 'H', 1), (0x210C, 'H', 1), (0x210D, 'H', 1),
        (0x210E, 'h', 1), (0x2110, 'I', 1), (0x2111, 'I', 1), (0x2112, 'L', 1), (0x2113, 'l', 1), (0x2115, 'N', 1), (0x2119, 'P', 3),
        (0x211C, 'R', 1), (0x211D, 'R', 1), (0x2124, 'Z', 1), (0x2128, 'Z', 1), (0x212A, 'K', 1), (0x212C, 'B', 2), (0x212F, 'e', 1),
        (0x2130, 'E', 2), (0x2133, 'M', 1), (0x2134, 'o', 1), (0x2139, 'i', 1), (0x2145, 'D', 1), (0x2146, 'd', 2), (0x2148, 'i', 2),
        (0x2160, 'I', 1), (0x2164, 'V', 1), (0x2169, 'X', 1), (0x216C, 'L', 1), (0x216D, 'C', 2), (0x216F, 'M', 1), (0x2170, 'i', 1),
        (0x2174, 'v', 1), (0x2179, 'x', 1), (0x217C, 'l', 1), (0x217D, 'c', 2), (0x217F, 'm', 1), (0x2460, '1', 9), (0x24B6, 'A', 26),
        (0x24D0, 'a', 26), (0x24EA, '0', 1), (0x2C7C, 'j', 1), (0x2C7D, 'V', 1), (0xA7F2, 'C', 1), (0xA7F3, 'F', 1), (0xA7F4, 'Q', 1),
        (0xFE33, '_', 1), (0xFE34, '_', 1), (0xFE4D, '_', 1), (0xFE4E, '_', 1), (0xFE4F, '_', 1), (0xFE5F, '#', 1), (0xFE63, '-', 1),
        (0xFE6B, '@', 1), (0xFF03, '#', 1), (0xFF0D, '-', 1), (0xFF10, '0', 10), (0xFF20, '@', 27), (0xFF3F, '_', 1), (0xFF41, 'a', 26),
        (0x107A5, 'q', 1), (0x1D400, 'A', 26), (0x1D41A, 'a', 26), (0x1D434, 'A', 26), (0x1D44E, 'a', 7), (0x1D456, 'i', 18),
        (0x1D468, 'A', 26), (0x1D482, 'a', 26), (0x1D49C, 'A', 1), (0x1D49E, 'C', 2), (0x1D4A2, 'G', 1), (0x1D4A5, 'J', 2),
        (0x1D4A9, 'N', 4), (0x1D4AE, 'S', 8), (0x1D4B6, 'a', 4), (0x1D4BB, 'f', 1), (0x1D4BD, 'h', 7), (0x1D4C5, 'p', 11),
        (0x1D4D0, 'A', 26), (0x1D4EA, 'a', 26), (0x1D504, 'A', 2), (0x1D507, 'D', 4), (0x1D50D, 'J', 8), (0x1D516, 'S', 7),
        (0x1D51E, 'a', 26), (0x1D538, 'A', 2), (0x1D53B, 'D', 4), (0x1D540, 'I', 5), (0x1D546, 'O', 1), (0x1D54A, 'S', 7),
        (0x1D552, 'a', 26), (0x1D56C, 'A', 26), (0x1D586, 'a', 26), (0x1D5A0, 'A', 26), (0x1D5BA, 'a', 26), (0x1D5D4, 'A', 26),
        (0x1D5EE, 'a', 26), (0x1D608, 'A', 26), (0x1D622, 'a', 26), (0x1D63C, 'A', 26), (0x1D656, 'a', 26), (0x1D670, 'A', 26),
        (0x1D68A, 'a', 26), (0x1D7CE, '0', 10), (0x1D7D8, '0', 10), (0x1D7E2, '0', 10), (0x1D7EC, '0', 10), (0x1D7F6, '0', 10),
        (0x1F12B, 'C', 1), (0x1F12C, 'R', 1), (0x1F130, 'A', 26), (0x1FBF0, '0', 10),
    ];

    private static readonly FrozenDictionary<int, char> Compatible = Runs
        .SelectMany(run => Enumerable.Range(0, run.Count).Select(i => KeyValuePair.Create(run.First + i, (char)(run.Plain + i)))).ToFrozenDictionary();

    // Cyrillic, Greek, Armenian, Cherokee and rare Latin look-alikes of the letters in reference words.
    private static readonly FrozenDictionary<char, char> OtherAlphabets = new[]
    {
        ("аɑαᴀАΑᎪ", 'a'), ("еεєҽᴇЕΕᎬҼ", 'e'), ("ɡԍցɢԌᏀ", 'g'), ("іıιɩɪІΙӀاᎥ", 'i'), ("ӏǀℓւᒪᏞʟ", 'l'), ("мᴍМΜᎷϺ", 'm'), ("пոηɴΝ", 'n'),
        ("тτᴛТΤᎢ", 't'), ("ѕՏЅ", 's'),
    }.SelectMany(pair => pair.Item1.Select(letter => KeyValuePair.Create(letter, pair.Item2))).ToFrozenDictionary();

    /// <summary>
    /// The visible form of <paramref name="text"/>: without invisible characters, with plain ones for those that differ in form alone; and
    /// the range of each character in <paramref name="text"/>.
    /// </summary>
    public static (string Plain, IReadOnlyList<Range> Places) Plain(string text)
    {
        var plain = new StringBuilder(text.Length);
        var places = new List<Range>(text.Length);
        for (var i = 0; i < text.Length;)
        {
            // Half of a surrogate pair counts as itself.
            var length = Rune.TryGetRuneAt(text, i, out var rune) ? rune.Utf16SequenceLength : 1;
            if (length == 1 && char.IsSurrogate(text[i])) Add(text[i], i, 1);
            else if (Compatible.TryGetValue(rune.Value, out var same)) Add(same, i, length);
            else if (!IsInvisible(rune)) for (var j = 0; j < length; j++) Add(text[i + j], i + j, 1);
            i += length;
        }
        return (plain.ToString(), places);

        void Add(char character, int at, int length)
        {
            plain.Append(character);
            places.Add(at..(at + length));
        }
    }

    /// <summary>A word in lower case, with Latin letters for those of other alphabets that look the same.</summary>
    public static string Latin(string word) => string.Concat(word.Select(c => OtherAlphabets.GetValueOrDefault(c, c))).ToLowerInvariant();

    /// <summary>The code points of a text's non-ASCII characters, some of which are invisible.</summary>
    public static string Numbers(string text) =>
        string.Join(", ", text.EnumerateRunes().Where(r => !r.IsAscii || Rune.IsControl(r)).Distinct().Select(r => $"U+{r.Value:X4}"));

    // Default_Ignorable_Code_Point of Unicode, the Braille blank, and controls that are not white space.
    private static bool IsInvisible(Rune rune) =>
        (rune.Value > 0x7F || Rune.IsControl(rune))
        && !Rune.IsWhiteSpace(rune)
        && (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.Control
            || rune.Value is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x2800 or (>= 0x2060 and <= 0x206F)
                or 0x3164 or (>= 0xFE00 and <= 0xFE0F) or 0xFEFF or 0xFFA0 or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF));
}
