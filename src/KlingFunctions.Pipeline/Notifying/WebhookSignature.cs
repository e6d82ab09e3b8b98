using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>
/// The signature of Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA256 over <c>id.timestamp.body</c>, written as <c>v1,</c> and
/// base64, one for each secret, separated by spaces. Senders sign; receivers verify.
/// </summary>
public static class WebhookSignature
{
    /// <summary>The largest allowed difference of a timestamp from now, past or future.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    private const string Version = "v1,";

    /// <summary>The value of <c>webhook-signature</c>.</summary>
    /// <param name="secrets">The secret in use first, then the one being replaced, if any.</param>
    /// <param name="id">The value of <c>webhook-id</c>, without a full stop: the signed text would otherwise be ambiguous.</param>
    /// <param name="timestamp">The time of this attempt; whole seconds count, as in <c>webhook-timestamp</c>.</param>
    /// <param name="body">The body, byte for byte as it is sent.</param>
    /// <exception cref="ArgumentException">The id contains a full stop.</exception>
    public static string Sign(IEnumerable<WebhookSecret> secrets, string id, DateTimeOffset timestamp, ReadOnlyMemory<byte> body)
    {
        if (id.Contains('.', StringComparison.Ordinal))
            throw new ArgumentException("A webhook id may hold no full stop.", nameof(id));
        var preamble = Preamble(id, timestamp.ToUnixTimeSeconds());
        return string.Join(' ', secrets.Select(secret => One(secret, preamble, body)));
    }

    /// <summary>Whether a received webhook was signed with one of the secrets, within <see cref="Tolerance"/> of now.</summary>
    /// <param name="secrets">The secrets that this receiver accepts.</param>
    /// <param name="id">The header <c>webhook-id</c>.</param>
    /// <param name="timestamp">The header <c>webhook-timestamp</c>: seconds since 1970.</param>
    /// <param name="signatures">The header <c>webhook-signature</c>. Versions other than v1 are ignored.</param>
    /// <param name="body">The body, byte for byte as received.</param>
    /// <param name="time">The clock for the tolerance.</param>
    public static bool Verify(
        IEnumerable<WebhookSecret> secrets, string? id, string? timestamp, string? signatures, ReadOnlyMemory<byte> body, TimeProvider time)
    {
        if (string.IsNullOrEmpty(id) || string.IsNullOrEmpty(signatures)
            || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || Math.Abs((double)time.GetUtcNow().ToUnixTimeSeconds() - seconds) > Tolerance.TotalSeconds)
            return false;

        var preamble = Preamble(id, seconds);
        var expected = secrets.Select(secret => Encoding.UTF8.GetBytes(One(secret, preamble, body))).ToList();
        return signatures.Split(' ').Select(Encoding.UTF8.GetBytes).Any(given => expected.Exists(e => CryptographicOperations.FixedTimeEquals(e, given)));
    }

    private static byte[] Preamble(string id, long seconds) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{seconds}."));

    private static string One(WebhookSecret secret, byte[] preamble, ReadOnlyMemory<byte> body) =>
        Version + Convert.ToBase64String(secret.Sign(preamble, body.Span));
}
