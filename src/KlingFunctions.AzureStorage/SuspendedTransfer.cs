using System.Text.Json;
using System.Text.Json.Serialization;
using Azure;
using Azure.Storage.Blobs;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage;

/// <summary>A video of which some blocks are staged, for a later run to go on with. Lies beside the video as <c>{name}.left</c>.</summary>
/// <param name="Blob">The name of the blob that has the blocks.</param>
/// <param name="Blocks">Their ids, in order.</param>
/// <param name="Checkpoint">Where the transfer stands.</param>
internal sealed record SuspendedTransfer(string Blob, IReadOnlyList<string> Blocks, Checkpoint Checkpoint)
{
    /// <summary>What is written down there; null if nothing is, or nothing that can be read.</summary>
    public static async Task<SuspendedTransfer?> ReadAsync(BlobClient left, CancellationToken cancellationToken)
    {
        try
        {
            var content = (await left.DownloadContentAsync(cancellationToken)).Value.Content;
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

    /// <summary>Writes it down in place of an earlier one.</summary>
    public Task WriteAsync(BlobClient left, CancellationToken cancellationToken) =>
        left.UploadAsync(new BinaryData(JsonSerializer.SerializeToUtf8Bytes(this, SuspendedTransferJson.Default.SuspendedTransfer)), overwrite: true, cancellationToken);

    /// <summary>Deletes it. One that stays is harmless: its blocks go with the commit, or the server's file is another by now.</summary>
    public static async Task TryForgetAsync(BlobClient left)
    {
        try
        {
            await left.DeleteIfExistsAsync();
        }
        catch (RequestFailedException)
        {
            // See above.
        }
    }
}

/// <summary>How suspended transfers are written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SuspendedTransfer))]
internal sealed partial class SuspendedTransferJson : JsonSerializerContext;
