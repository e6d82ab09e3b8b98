using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Creates links to single blobs that anyone can read for a limited time. They are signed with a user delegation key, or on Azurite with
/// the account key. A link is a secret.
/// </summary>
internal sealed class BlobLinks(BlobServiceClient account, TimeProvider time) : IDisposable
{
    /// <summary>The longest lifetime of a link: a longer one would outlive its signing key.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromHours(6);

    // The service issues keys for at most seven days.
    private static readonly TimeSpan KeyLife = TimeSpan.FromHours(24);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(15);

    private readonly SemaphoreSlim _renewing = new(1);
    private UserDelegationKey? _key;

    /// <summary>A read-only link.</summary>
    /// <param name="blob">The blob; its existence is not checked.</param>
    /// <param name="life">The link's lifetime; at most <see cref="LongestLife"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<Uri> ReadLinkAsync(BlobClient blob, TimeSpan life, CancellationToken cancellationToken)
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
        return new BlobUriBuilder(blob.Uri) { Sas = sas.ToSasQueryParameters(await KeyAsync(cancellationToken), account.AccountName) }.ToUri();
    }

    public void Dispose() => _renewing.Dispose();

    private async Task<UserDelegationKey> KeyAsync(CancellationToken cancellationToken)
    {
        if (Good() is { } key) return key;
        await _renewing.WaitAsync(cancellationToken);
        try
        {
            if (Good() is { } renewed) return renewed;
            var now = time.GetUtcNow();
            return _key = await account.GetUserDelegationKeyAsync(new BlobGetUserDelegationKeyOptions(now + KeyLife) { StartsOn = now - ClockSkew }, cancellationToken);
        }
        finally
        {
            _renewing.Release();
        }
    }

    private UserDelegationKey? Good() => _key is { } key && key.SignedExpiresOn - time.GetUtcNow() > LongestLife + ClockSkew ? key : null;
}
