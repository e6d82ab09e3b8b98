using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.AzureStorage;

/// <summary>Documents as blobs: the first segment of a name is the container, the rest is the blob.</summary>
internal sealed class BlobDocuments(BlobServiceClient account) : IDocuments
{
    private static readonly BlobHttpHeaders Headers = new() { ContentType = "application/json" };

    public async Task<Document?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            var content = (await Blob(name).DownloadContentAsync(cancellationToken)).Value;
            return new(content.Content.ToString(), content.Details.ETag.ToString("G"));
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public async Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken)
    {
        try
        {
            var conditions = version is null ? new BlobRequestConditions { IfNoneMatch = ETag.All } : new() { IfMatch = new(version) };
            var written = await Blob(name).UploadAsync(
                BinaryData.FromString(text), new BlobUploadOptions { HttpHeaders = Headers, Conditions = conditions }, cancellationToken);
            return written.Value.ETag.ToString("G");
        }
        // 404: the version to replace was deleted.
        catch (RequestFailedException e) when (e.Status is 409 or 412 || e.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return null;
        }
    }

    public async Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken)
    {
        try
        {
            var conditions = version is null ? null : new BlobRequestConditions { IfMatch = new(version) };
            return await Blob(name).DeleteIfExistsAsync(conditions: conditions, cancellationToken: cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 412)
        {
            return false;
        }
    }

    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (container, rest) = Split(prefix);
        await foreach (var blob in account.GetBlobContainerClient(container).GetBlobsAsync(new() { Prefix = rest }, cancellationToken))
            yield return $"{container}/{blob.Name}";
    }

    private static (string Container, string Blob) Split(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        return (name[..slash], name[(slash + 1)..]);
    }

    private BlobClient Blob(string name)
    {
        var (container, blob) = Split(name);
        return account.GetBlobContainerClient(container).GetBlobClient(blob);
    }
}
