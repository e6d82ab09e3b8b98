using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Mints links to single blobs that anyone can read for a while: signed with a key that the service gives to the identity, or on Azurite
/// with the account's own. A link is a secret.
/// </summary>
internal sealed class BlobLinks(BlobServiceClient account, TimeProvider time) : IDisposable
{
    /// <summary>No link may live longer than this: it would outlive the key that signs it.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromHours(6);

    // The service gives keys for seven days at most.
    private static readonly TimeSpan KeyLife = TimeSpan.FromHours(24);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(15);

    private readonly SemaphoreSlim _renewing = new(1);
    private UserDelegationKey? _key;

    /// <summary>A read-only link.</summary>
    /// <param name="blob">The blob; whether it is there is not looked at.</param>
    /// <param name="life">How long the link works; at most <see cref="LongestLife"/>.</param>
    /// <param name="cancel">Ends the call.</param>
    public async Task<Uri> ReadLinkAsync(BlobClient blob, TimeSpan life, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(life, LongestLife);
        var sas = new BlobSasBuilder(BlobSasPermissions.Read, time.GetUtcNow() + life)
        {
            BlobContainerName = blob.BlobContainerName,
            BlobName = blob.Name,
            Resource = "b",
            Protocol = account.Uri.Scheme == Uri.UriSchemeHttps ? SasProtocol.Https : SasProtocol.HttpsAndHttp,
        };
        if (blob.CanGenerateSasUri) return blob.GenerateSasUri(sas);
        return new BlobUriBuilder(blob.Uri) { Sas = sas.ToSasQueryParameters(await KeyAsync(cancel), account.AccountName) }.ToUri();
    }

    public void Dispose() => _renewing.Dispose();

    private async Task<UserDelegationKey> KeyAsync(CancellationToken cancel)
    {
        if (Good() is { } key) return key;
        await _renewing.WaitAsync(cancel);
        try
        {
            if (Good() is { } renewed) return renewed;
            var now = time.GetUtcNow();
            return _key = await account.GetUserDelegationKeyAsync(new BlobGetUserDelegationKeyOptions(now + KeyLife) { StartsOn = now - ClockSkew }, cancel);
        }
        finally
        {
            _renewing.Release();
        }
    }

    private UserDelegationKey? Good() => _key is { } key && key.SignedExpiresOn - time.GetUtcNow() > LongestLife + ClockSkew ? key : null;
}
