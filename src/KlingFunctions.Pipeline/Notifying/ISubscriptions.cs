namespace KlingFunctions.Pipeline.Notifying;

/// <summary>A receiver that is told of every job that ends.</summary>
/// <param name="Id">The subscription's id.</param>
/// <param name="Url">Where to; its query is a secret.</param>
/// <param name="Events">Of which types of event it wants to hear; empty: of all.</param>
/// <param name="CreatedAt">When it was made (UTC).</param>
public sealed record Subscription(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt);

/// <summary>The owner's subscriptions, as Power Automate makes them for its triggers.</summary>
public interface ISubscriptions
{
    /// <summary>Keeps a subscription, durably.</summary>
    Task AddAsync(Subscription subscription, CancellationToken cancel);

    /// <summary>Removes one. Returns false if there is none of this id.</summary>
    Task<bool> RemoveAsync(string id, CancellationToken cancel);

    /// <summary>The one of this id; null if there is none.</summary>
    Task<Subscription?> FindAsync(string id, CancellationToken cancel);

    /// <summary>All of them.</summary>
    Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancel);
}
