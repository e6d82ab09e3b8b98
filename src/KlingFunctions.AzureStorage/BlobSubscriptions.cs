using Azure.Storage.Blobs;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.AzureStorage;

/// <summary>The subscriptions, each a blob. Their URLs are secrets: who may read the container may call the receivers.</summary>
internal sealed class BlobSubscriptions(BlobServiceClient account) : ISubscriptions
{
    private readonly JsonBlobs<Subscription> _blobs = new(account, Containers.Subscriptions, PipelineJson.Default.Subscription);

    public Task AddAsync(Subscription subscription, CancellationToken cancel) => _blobs.WriteAsync(subscription.Id, subscription, cancel);

    public Task<bool> RemoveAsync(string id, CancellationToken cancel) => _blobs.RemoveAsync(id, cancel);

    public Task<Subscription?> FindAsync(string id, CancellationToken cancel) => _blobs.FindAsync(id, cancel);

    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancel) => _blobs.ListAsync(cancel);
}
