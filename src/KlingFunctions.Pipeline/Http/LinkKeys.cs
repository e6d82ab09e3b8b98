using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using KlingFunctions.Pipeline.Documents;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// The keys that sign links: those of the settings, or else one that the first host made and stored with the documents, so that links work
/// on every instance and after every restart.
/// </summary>
internal sealed class LinkKeys(IDocuments documents, IOptions<LinkOptions> options, TimeProvider time)
{
    internal const string Document = "keys/links.json";

    private const int NewKeyBytes = 32;

    private LinkSigner? _signer;

    /// <summary>The signer. Only the first call may read the documents.</summary>
    public async ValueTask<LinkSigner> SignerAsync(CancellationToken cancellationToken) => _signer ??= new(
        TryParse(options.Value.SigningKey, out var key)
            ? TryParse(options.Value.PreviousSigningKey, out var previous) ? [key, previous] : [key]
            : [await KeptAsync(cancellationToken)],
        time);

    internal static bool TryParse(string? text, [NotNullWhen(true)] out byte[]? key)
    {
        key = null;
        if (text is null) return false;
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out var length) || length is < 32 or > 64) return false;
        key = bytes[..length];
        return true;
    }

    private async Task<byte[]> KeptAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var kept = await documents.ReadAsync(Document, cancellationToken);
            if (TryRead(kept?.Text, out var key)) return key;
            // An unreadable key is replaced: otherwise no job could be accepted any more.
            key = RandomNumberGenerator.GetBytes(NewKeyBytes);
            var text = JsonSerializer.Serialize(Convert.ToBase64String(key), PipelineJson.Default.String);
            if (await documents.TryWriteAsync(Document, text, kept?.Version, cancellationToken) is not null) return key;
        }
    }

    private static bool TryRead(string? text, [NotNullWhen(true)] out byte[]? key)
    {
        key = null;
        try
        {
            return text is not null && TryParse(JsonSerializer.Deserialize(text, PipelineJson.Default.String), out key);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
