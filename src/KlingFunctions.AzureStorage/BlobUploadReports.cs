using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.AzureStorage;

/// <summary>Reports beside the uploads that came to nothing.</summary>
internal sealed class BlobUploadReports(BlobServiceClient account) : IUploadReports
{
    private readonly BlobContainerClient _uploads = account.GetBlobContainerClient(Containers.Uploads);

    public Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel) => _uploads.GetBlobClient(path).UploadAsync(
        new BinaryData(content), new BlobUploadOptions { HttpHeaders = new() { ContentType = "application/json" } }, cancel);
}
