using System.Text.Json.Serialization.Metadata;
using Azure.Storage.Blobs;

namespace KlingFunctions.AzureStorage;

/// <summary>A container of small values, each a blob named for its id.</summary>
internal sealed class JsonBlobs<T>(BlobServiceClient account, string containerName, JsonTypeInfo<T> type)
    where T : class
{
    private const int ReadsAtOnce = 8;

    private readonly BlobContainerClient _container = account.GetBlobContainerClient(containerName);

    public Task WriteAsync(string id, T value, CancellationToken cancel) => Blob(id).WriteAsync(value, cancel);

    public async Task<T?> FindAsync(string id, CancellationToken cancel) => CanBe(id) ? (await Blob(id).ReadAsync(cancel))?.Value : null;

    public async Task<bool> RemoveAsync(string id, CancellationToken cancel) =>
        CanBe(id) && await _container.DeleteBlobIfExistsAsync(NameOf(id), cancellationToken: cancel);

    /// <summary>All of them, in the order of their ids.</summary>
    public async Task<IReadOnlyList<T>> ListAsync(CancellationToken cancel)
    {
        var names = new List<string>();
        await foreach (var blob in _container.GetBlobsAsync(cancellationToken: cancel)) names.Add(blob.Name);
        var values = new T?[names.Count];
        await Parallel.ForAsync(0, names.Count, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancel }, async (i, ct) =>
        {
            // Null if it was removed meanwhile.
            values[i] = (await new JsonBlob<T>(_container.GetBlobClient(names[i]), type).ReadAsync(ct))?.Value;
        });
        return [.. values.OfType<T>()];
    }

    /// <summary>Ids come from callers too. One that is no name of ours is not looked for: the storage would refuse some as malformed.</summary>
    private static bool CanBe(string id) => id.Length is > 0 and <= 256 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static string NameOf(string id) => $"{id}.json";

    private JsonBlob<T> Blob(string id) => new(_container.GetBlobClient(NameOf(id)), type);
}
