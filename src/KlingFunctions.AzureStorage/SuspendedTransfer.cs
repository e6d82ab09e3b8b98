using System.Text.Json;
using System.Text.Json.Serialization;
using Azure;
using Azure.Storage.Blobs;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>A partly staged video that a later run can continue. Stored beside the video as <c>{name}.left</c>.</summary>
/// <param name="Blob">The name of the blob with the staged blocks.</param>
/// <param name="Blocks">Their ids, in order.</param>
/// <param name="Checkpoint">The state of the transfer.</param>
internal sealed record SuspendedTransfer(string Blob, IReadOnlyList<string> Blocks, Checkpoint Checkpoint)
{
    /// <summary>Reads the record; null if it is missing or unreadable.</summary>
    public static async Task<SuspendedTransfer?> ReadAsync(BlobClient record, CancellationToken cancellationToken)
    {
        try
        {
            var content = (await record.DownloadContentAsync(cancellationToken)).Value.Content;
            return JsonSerializer.Deserialize(content, SuspendedTransferJson.Default.SuspendedTransfer);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes the record, over any earlier one.</summary>
    public Task WriteAsync(BlobClient record, CancellationToken cancellationToken) =>
        record.UploadAsync(new BinaryData(JsonSerializer.SerializeToUtf8Bytes(this, SuspendedTransferJson.Default.SuspendedTransfer)), overwrite: true, cancellationToken);

    /// <summary>
    /// Deletes the record. A record that stays is harmless: the commit deletes its blocks, or the server's file has changed by then.
    /// </summary>
    public static async Task TryDeleteAsync(BlobClient record)
    {
        try
        {
            await record.DeleteIfExistsAsync();
        }
        catch (RequestFailedException)
        {
            // A record that stays is harmless, as said above.
        }
    }
}

/// <summary>JSON of suspended transfers.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SuspendedTransfer))]
internal sealed partial class SuspendedTransferJson : JsonSerializerContext;
