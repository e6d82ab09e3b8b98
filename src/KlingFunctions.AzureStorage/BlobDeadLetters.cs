using Azure.Storage.Blobs;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.AzureStorage;

/// <summary>The dead letters, each a blob.</summary>
internal sealed class BlobDeadLetters(BlobServiceClient account) : IDeadLetters
{
    private readonly JsonBlobs<DeadLetter> _blobs = new(account, Containers.DeadLetters, PipelineJson.Default.DeadLetter);

    public Task AddAsync(DeadLetter letter, CancellationToken cancel) => _blobs.WriteAsync(letter.NotificationId, letter, cancel);

    public Task RemoveAsync(string notificationId, CancellationToken cancel) => _blobs.RemoveAsync(notificationId, cancel);

    public async Task<IReadOnlyList<DeadLetter>> ListAsync(CancellationToken cancel) =>
        [.. (await _blobs.ListAsync(cancel)).OrderByDescending(letter => letter.At)];
}
