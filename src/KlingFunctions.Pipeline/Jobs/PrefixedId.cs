using System.Security.Cryptography;
using System.Text;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Ids of jobs and batches: a prefix that names the kind, and 32 hexadecimal digits.</summary>
internal static class PrefixedId
{
    private const int Digits = 32;

    /// <summary>A new id, sortable by time.</summary>
    public static string New(string prefix) => $"{prefix}{Guid.CreateVersion7():N}";

    /// <summary>The id for a key: the same key, the same id.</summary>
    public static string Of(string prefix, string key) => $"{prefix}{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..Digits]}";

    /// <summary>Whether the text has the format of such an id.</summary>
    public static bool Is(string prefix, string id) =>
        id.Length == prefix.Length + Digits && id.StartsWith(prefix, StringComparison.Ordinal) && id.Skip(prefix.Length).All(char.IsAsciiHexDigitLower);
}
