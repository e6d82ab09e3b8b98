using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace KlingFunctions.AzureStorage;

/// <summary>What a blob held, and the version that it had then.</summary>
internal sealed record Versioned<T>(T Value, ETag ETag);

/// <summary>A small blob that is one value, written as JSON.</summary>
internal sealed class JsonBlob<T>(BlobClient blob, JsonTypeInfo<T> type)
{
    private static readonly BlobHttpHeaders Headers = new() { ContentType = "application/json" };

    /// <summary>The value; null if there is no such blob.</summary>
    public async Task<Versioned<T>?> ReadAsync(CancellationToken cancel)
    {
        try
        {
            var content = (await blob.DownloadContentAsync(cancel)).Value;
            return new(JsonSerializer.Deserialize(content.Content, type)!, content.Details.ETag);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Writes over whatever is there.</summary>
    public Task WriteAsync(T value, CancellationToken cancel) => WriteAsync(value, null, cancel);

    /// <summary>Writes if nobody has written since.</summary>
    /// <param name="value">The new value.</param>
    /// <param name="expected">The version that is replaced; null: there is none.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>
    /// False if another version is there. It may be this very one: when an answer is lost, the client sends the write again, and meets
    /// what it has written itself.
    /// </returns>
    public async Task<bool> TryWriteAsync(T value, ETag? expected, CancellationToken cancel)
    {
        try
        {
            await WriteAsync(value, expected is { } etag ? new() { IfMatch = etag } : new() { IfNoneMatch = ETag.All }, cancel);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            return false;
        }
    }

    /// <summary>Deletes this version; another one stays. Nothing there is as good.</summary>
    public async Task DeleteAsync(ETag expected, CancellationToken cancel)
    {
        try
        {
            await blob.DeleteIfExistsAsync(conditions: new() { IfMatch = expected }, cancellationToken: cancel);
        }
        catch (RequestFailedException e) when (e.Status == 412)
        {
            // Another version.
        }
    }

    private async Task WriteAsync(T value, BlobRequestConditions? conditions, CancellationToken cancel) => await blob.UploadAsync(
        new BinaryData(JsonSerializer.SerializeToUtf8Bytes(value, type)), new BlobUploadOptions { HttpHeaders = Headers, Conditions = conditions }, cancel);
}
