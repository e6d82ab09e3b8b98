using System.Runtime.CompilerServices;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.AzureStorage;

/// <summary>The container that the owner uploads to.</summary>
internal sealed class BlobUploads(BlobServiceClient account) : IUploads
{
    private readonly BlobContainerClient _uploads = account.GetBlobContainerClient(Containers.Uploads);

    // Not among the uploads, which have events and may be deleted by age.
    private readonly BlobContainerClient _ledger = account.GetBlobContainerClient(Containers.Ledger);

    public async Task<UploadedFile?> FindAsync(string path, CancellationToken cancel)
    {
        try
        {
            var properties = await _uploads.GetBlobClient(path).GetPropertiesAsync(cancellationToken: cancel);
            return new(path, properties.Value.ETag.ToString("H"), properties.Value.LastModified);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public async Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel)
    {
        try
        {
            // One answer has both, so the version is that of the bytes.
            var download = await _uploads.GetBlobClient(path).DownloadStreamingAsync(cancellationToken: cancel);
            await using var content = download.Value.Content;
            var details = download.Value.Details;
            var bytes = new byte[Math.Min(details.ContentLength, atMost + 1)];
            await content.ReadExactlyAsync(bytes, cancel);
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

    public async IAsyncEnumerable<UploadedFile> ListAsync(string folder, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var item in _uploads.GetBlobsByHierarchyAsync(new() { Delimiter = "/", Prefix = folder }, cancel))
        {
            if (item.IsBlob) yield return new(item.Blob.Name, item.Blob.Properties.ETag!.Value.ToString("H"), item.Blob.Properties.LastModified!.Value);
        }
    }

    public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel) => _uploads.GetBlobClient(path).UploadAsync(
        new BinaryData(content), new BlobUploadOptions { HttpHeaders = new() { ContentType = "application/json" } }, cancel);

    public Task DeleteReportAsync(string path, CancellationToken cancellationToken) =>
        _uploads.DeleteBlobIfExistsAsync(path, cancellationToken: cancellationToken);

    public async Task<bool> IsTakenAsync(string id, CancellationToken cancellationToken) => await Record(id).ExistsAsync(cancellationToken);

    public async Task<bool> TryRecordAsync(TakenUpload taken, CancellationToken cancellationToken)
    {
        try
        {
            var content = new BinaryData(JsonSerializer.SerializeToUtf8Bytes(taken, PipelineJson.Default.TakenUpload));
            var options = new BlobUploadOptions
            {
                HttpHeaders = new() { ContentType = "application/json" },
                Conditions = new() { IfNoneMatch = ETag.All },
            };
            await Record(taken.Id).UploadAsync(content, options, cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // It is on record already.
        }
        return true;
    }

    private BlobClient Record(string id) => _ledger.GetBlobClient($"taken/{id}.json");
}
