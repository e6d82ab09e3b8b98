using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>A receiver that is notified of every job that ends.</summary>
/// <param name="Id">The subscription's id.</param>
/// <param name="Url">Where to; its query is a secret.</param>
/// <param name="Events">Of which types of event it wants to hear; empty: of all.</param>
/// <param name="CreatedAt">When it was made (UTC).</param>
/// <param name="Header">A header that it wants with its webhooks: a secret.</param>
public sealed record Subscription(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt, WebhookHeader? Header = null)
{
    /// <summary>Whether another one sends the same events to the same URL.</summary>
    public bool IsLike(Subscription other) => Url == other.Url && Events.ToHashSet().SetEquals(other.Events);
}

/// <summary>
/// The owner's subscriptions, as Power Automate makes them for its triggers. One that can't be read is skipped, and hides no other.
/// </summary>
public sealed partial class Subscriptions(IDocuments documents, ILogger<Subscriptions> logger)
{
    private const string Prefix = "subscriptions/";

    private readonly ConcurrentDictionary<string, bool> _unreadable = [];

    /// <summary>The id of a new subscription: the same for the same URL and events, so that two calls at once make one.</summary>
    public static string IdOf(string url, IEnumerable<string> events) =>
        $"sub_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', events.Distinct().Order(StringComparer.Ordinal).Prepend(url)))))[..32]}";

    /// <summary>Keeps a subscription, durably. Returns false if one of this id is there.</summary>
    public async Task<bool> AddAsync(Subscription subscription, CancellationToken cancellationToken) =>
        await documents.TryWriteAsync(NameOf(subscription.Id), subscription, PipelineJson.Default.Subscription, version: null, cancellationToken) is not null;

    /// <summary>Gives a subscription another header, or none. Returns false if there is no subscription of this id any more.</summary>
    public async Task<bool> SetHeaderAsync(string id, WebhookHeader? header, CancellationToken cancellationToken)
    {
        while (await documents.ReadAsync(NameOf(id), PipelineJson.Default.Subscription, cancellationToken) is { } kept)
        {
            if (kept.Value.Header == header) return true;
            var changed = kept.Value with { Header = header };
            if (await documents.TryWriteAsync(NameOf(id), changed, PipelineJson.Default.Subscription, kept.Version, cancellationToken) is not null) return true;
        }
        return false;
    }

    /// <summary>Removes one. Returns false if there is none of this id.</summary>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancellationToken) =>
        IsId(id) && await documents.DeleteAsync(NameOf(id), version: null, cancellationToken);

    /// <summary>The one of this id; null if there is none that can be read.</summary>
    public async Task<Subscription?> FindAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return IsId(id) ? (await documents.ReadAsync(NameOf(id), PipelineJson.Default.Subscription, cancellationToken))?.Value : null;
        }
        catch (JsonException e)
        {
            TellUnreadable(NameOf(id), e);
            return null;
        }
    }

    /// <summary>All that can be read, in the order of their ids.</summary>
    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancellationToken) =>
        documents.ReadAllAsync(Prefix, PipelineJson.Default.Subscription, TellUnreadable, cancellationToken);

    private static string NameOf(string id) => $"{Prefix}{id}.json";

    // Ids come from callers too. The store would refuse some names as malformed.
    private static bool IsId(string id) => id.Length is > 0 and <= 256 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private void TellUnreadable(string name, JsonException e)
    {
        if (_unreadable.TryAdd(name, true)) LogUnreadable(logger, name, e.Message);
    }

    [LoggerMessage(LogLevel.Error, "The subscription {Name} can't be read and is skipped: delete it, and subscribe anew. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string name, string reason);
}
