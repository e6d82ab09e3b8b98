using System.Runtime.CompilerServices;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.AzureStorage;

/// <summary>The container for the owner's uploads.</summary>
internal sealed class BlobUploads(BlobServiceClient account) : IUploads
{
    private readonly BlobContainerClient _uploads = account.GetBlobContainerClient(Containers.Uploads);

    // A separate container: that of the uploads raises events, and a lifecycle rule may delete from it.
    private readonly BlobContainerClient _ledger = account.GetBlobContainerClient(Containers.Ledger);

    public async Task<UploadedFile?> FindAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            var properties = await _uploads.GetBlobClient(path).GetPropertiesAsync(cancellationToken: cancellationToken);
            return new(path, properties.Value.ETag.ToString("H"), properties.Value.LastModified);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public async Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancellationToken)
    {
        try
        {
            // One response has both, so the version belongs to these bytes.
            var download = await _uploads.GetBlobClient(path).DownloadStreamingAsync(cancellationToken: cancellationToken);
            await using var content = download.Value.Content;
            var details = download.Value.Details;
            var bytes = new byte[Math.Min(details.ContentLength, atMost + 1)];
            await content.ReadExactlyAsync(bytes, cancellationToken);
            return (new(path, details.ETag.ToString("H"), details.LastModified), bytes);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public async Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            var download = await _uploads.GetBlobClient(path).DownloadStreamingAsync(cancellationToken: cancellationToken);
            var details = download.Value.Details;
            return (new(path, details.ETag.ToString("H"), details.LastModified), download.Value.Content);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public async IAsyncEnumerable<UploadedFile> ListAsync(string folder, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var item in _uploads.GetBlobsByHierarchyAsync(new() { Delimiter = "/", Prefix = folder }, cancellationToken))
        {
            if (item.IsBlob) yield return new(item.Blob.Name, item.Blob.Properties.ETag!.Value.ToString("H"), item.Blob.Properties.LastModified!.Value);
        }
    }

    public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => _uploads.GetBlobClient(path).UploadAsync(
        new BinaryData(content), new BlobUploadOptions { HttpHeaders = new() { ContentType = "application/json" } }, cancellationToken);

    public Task DeleteReportAsync(string path, CancellationToken cancellationToken) =>
        _uploads.DeleteBlobIfExistsAsync(path, cancellationToken: cancellationToken);

    public async Task<bool> IsAcceptedAsync(string id, CancellationToken cancellationToken) => await Record(id).ExistsAsync(cancellationToken);

    public async Task<bool> TryRecordAsync(AcceptedUpload upload, CancellationToken cancellationToken)
    {
        try
        {
            var content = new BinaryData(JsonSerializer.SerializeToUtf8Bytes(upload, PipelineJson.Default.AcceptedUpload));
            var options = new BlobUploadOptions
            {
                HttpHeaders = new() { ContentType = "application/json" },
                Conditions = new() { IfNoneMatch = ETag.All },
            };
            await Record(upload.Id).UploadAsync(content, options, cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // Recorded already.
        }
        return true;
    }

    private BlobClient Record(string id) => _ledger.GetBlobClient($"taken/{id}.json");
}
