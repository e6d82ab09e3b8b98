using System.Buffers.Binary;
using System.Numerics;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// SHA-256 (FIPS 180-4) with a state that can be saved, so that a transfer resumes in another process. The platform's own state can't be
/// saved, and staged blocks can't be read again before they are committed.
/// </summary>
internal sealed class ResumableSha256
{
    private const int BlockLength = 64;
    private const int WordCount = 8;

    private static readonly uint[] K =
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private readonly uint[] _words = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    private readonly byte[] _rest = new byte[BlockLength];
    private long _length;

    /// <summary>The state of the hash, for <see cref="Restore"/>.</summary>
    public string State
    {
        get
        {
            var state = new byte[(WordCount * sizeof(uint)) + sizeof(long) + Pending];
            for (var i = 0; i < WordCount; i++) BinaryPrimitives.WriteUInt32BigEndian(state.AsSpan(i * sizeof(uint)), _words[i]);
            BinaryPrimitives.WriteInt64BigEndian(state.AsSpan(WordCount * sizeof(uint)), _length);
            _rest.AsSpan(0, Pending).CopyTo(state.AsSpan((WordCount * sizeof(uint)) + sizeof(long)));
            return Convert.ToBase64String(state);
        }
    }

    private int Pending => (int)(_length % BlockLength);

    /// <summary>Continues from <see cref="State"/>.</summary>
    /// <exception cref="FormatException">The text is not such a state.</exception>
    public static ResumableSha256 Restore(string state)
    {
        var bytes = Convert.FromBase64String(state);
        const int Fixed = (WordCount * sizeof(uint)) + sizeof(long);
        if (bytes.Length < Fixed) throw new FormatException("The state of a hash is too short.");
        var hash = new ResumableSha256 { _length = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(WordCount * sizeof(uint))) };
        if (hash._length < 0 || bytes.Length != Fixed + hash.Pending) throw new FormatException("The length of the saved hash state is wrong.");
        for (var i = 0; i < WordCount; i++) hash._words[i] = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(i * sizeof(uint)));
        bytes.AsSpan(Fixed).CopyTo(hash._rest);
        return hash;
    }

    /// <summary>Hashes the next bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        var pending = Pending;
        _length += bytes.Length;
        if (pending > 0)
        {
            var taken = Math.Min(BlockLength - pending, bytes.Length);
            bytes[..taken].CopyTo(_rest.AsSpan(pending));
            bytes = bytes[taken..];
            if (pending + taken < BlockLength) return;
            Compress(_rest);
        }
        for (; bytes.Length >= BlockLength; bytes = bytes[BlockLength..]) Compress(bytes);
        bytes.CopyTo(_rest);
    }

    /// <summary>The hash in lower-case hexadecimal. Nothing may be appended afterwards.</summary>
    public string Finish()
    {
        var bits = _length * 8;
        Span<byte> padding = stackalloc byte[BlockLength * 2];
        padding.Clear();
        padding[0] = 0x80;
        var count = (Pending < 56 ? 56 : 120) - Pending;
        BinaryPrimitives.WriteInt64BigEndian(padding[count..], bits);
        Append(padding[..(count + sizeof(long))]);
        return string.Concat(_words.Select(word => word.ToString("x8", System.Globalization.CultureInfo.InvariantCulture)));
    }

    private void Compress(ReadOnlySpan<byte> block)
    {
        Span<uint> w = stackalloc uint[64];
        for (var t = 0; t < 16; t++) w[t] = BinaryPrimitives.ReadUInt32BigEndian(block[(t * 4)..]);
        for (var t = 16; t < 64; t++)
        {
            var (before15, before2) = (w[t - 15], w[t - 2]);
            var small0 = BitOperations.RotateRight(before15, 7) ^ BitOperations.RotateRight(before15, 18) ^ (before15 >> 3);
            var small1 = BitOperations.RotateRight(before2, 17) ^ BitOperations.RotateRight(before2, 19) ^ (before2 >> 10);
            w[t] = w[t - 16] + small0 + w[t - 7] + small1;
        }
        var (a, b, c, d, e, f, g, h) = (_words[0], _words[1], _words[2], _words[3], _words[4], _words[5], _words[6], _words[7]);
        for (var t = 0; t < 64; t++)
        {
            var big1 = BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25);
            var t1 = h + big1 + ((e & f) ^ (~e & g)) + K[t] + w[t];
            var big0 = BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22);
            var t2 = big0 + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
        }
        _words[0] += a;
        _words[1] += b;
        _words[2] += c;
        _words[3] += d;
        _words[4] += e;
        _words[5] += f;
        _words[6] += g;
        _words[7] += h;
    }
}
