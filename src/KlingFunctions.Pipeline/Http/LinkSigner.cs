using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The purpose of a signed link. The signature covers it, so that a link for one purpose does not work for another.</summary>
/// <param name="Name">The segment of the path below <see cref="LinkSigner.Route"/>.</param>
/// <param name="Lifetime">The time until a link expires.</param>
public sealed record LinkPurpose(string Name, TimeSpan Lifetime)
{
    /// <summary>Reads the operation of one job. Each answer to a poll contains a new link.</summary>
    public static readonly LinkPurpose Operation = new("operations", TimeSpan.FromDays(7));

    /// <summary>Deletes one subscription. A flow may be switched off years after it subscribed.</summary>
    public static readonly LinkPurpose Subscription = new("subscriptions", TimeSpan.FromDays(3650));
}

/// <summary>
/// Makes and checks links that need no key. No parameter is called <c>code</c>: the Functions host would read it as a key.
/// </summary>
/// <param name="keys">The signing key first, then those whose links still work.</param>
/// <param name="time">The clock for expiry.</param>
public sealed class LinkSigner(IReadOnlyList<byte[]> keys, TimeProvider time)
{
    /// <summary>The path above all signed links, where the host requires no key.</summary>
    public const string Route = "/api/signed";

    private const string Until = "until";
    private const string Signature = "sig";

    /// <summary>The absolute link, with the address of the request.</summary>
    public string LinkTo(LinkPurpose purpose, string id, HttpRequest request)
    {
        var until = (time.GetUtcNow() + purpose.Lifetime).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{AppBaseUrl.Of(request)}{Route}/{purpose.Name}/{Uri.EscapeDataString(id)}?{Until}={until}&{Signature}={Sign(keys[0], purpose, id, until)}";
    }

    /// <summary>
    /// Whether the request's query has a valid signature for this. Other parameters are ignored; a repeated one is invalid.
    /// </summary>
    public bool Opens(LinkPurpose purpose, string id, IQueryCollection query)
    {
        if (query[Until] is not [{ } until] || query[Signature] is not [{ } signature]) return false;
        var given = Encoding.UTF8.GetBytes(signature);
        var isSigned = false;
        foreach (var key in keys) isSigned |= CryptographicOperations.FixedTimeEquals(given, Encoding.ASCII.GetBytes(Sign(key, purpose, id, until)));
        return isSigned && long.TryParse(until, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds >= time.GetUtcNow().ToUnixTimeSeconds();
    }

    private static string Sign(byte[] key, LinkPurpose purpose, string id, string until) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{purpose.Name}\n{id}\n{until}")));
}
