using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>
/// A symmetric secret of Standard Webhooks 1.0 (standardwebhooks.com): <c>whsec_</c> and the base64 of 24 to 64 bytes. Its text form does
/// not reveal it.
/// </summary>
public sealed class WebhookSecret
{
    private const string Prefix = "whsec_";

    private readonly byte[] _key;

    private WebhookSecret(byte[] key) => _key = key;

    /// <summary>Parses a secret.</summary>
    /// <param name="text">For example from the configuration.</param>
    /// <param name="secret">The secret, if the text is valid.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out WebhookSecret? secret)
    {
        secret = null;
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal))
            return false;
        var key = new byte[text.Length];
        if (!Convert.TryFromBase64String(text[Prefix.Length..], key, out var length) || length is < 24 or > 64)
            return false;
        secret = new WebhookSecret(key[..length]);
        return true;
    }

    /// <summary>A new secret of 32 random bytes, as text.</summary>
    public static string Create() => Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    internal byte[] Sign(ReadOnlySpan<byte> preamble, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hmac.AppendData(preamble);
        hmac.AppendData(body);
        return hmac.GetHashAndReset();
    }
}
