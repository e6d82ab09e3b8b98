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
/// <param name="Url">The receiver's URL; its query is a secret.</param>
/// <param name="Events">The event types that it is notified of; empty: all that are about jobs.</param>
/// <param name="CreatedAt">When it was made (UTC).</param>
/// <param name="Header">A header for its webhooks: a secret.</param>
public sealed record Subscription(string Id, string Url, IReadOnlyList<string> Events, DateTimeOffset CreatedAt, WebhookHeader? Header = null)
{
    /// <summary>Whether it is notified of this type. Without named types it expects jobs: a batch has another form.</summary>
    public bool Wants(string type) => Events.Count == 0 ? type != EventTypes.BatchFinished : Events.Contains(type);

    /// <summary>Whether another one sends the same events to the same URL.</summary>
    public bool IsLike(Subscription other) => Url == other.Url && Events.ToHashSet().SetEquals(other.Events);
}

/// <summary>
/// The owner's subscriptions, as Power Automate makes them for its triggers. An unreadable one is skipped.
/// </summary>
public sealed partial class Subscriptions(IDocuments documents, ILogger<Subscriptions> logger)
{
    private const string Prefix = "subscriptions/";

    private readonly ConcurrentDictionary<string, bool> _unreadable = [];

    /// <summary>The id of a new subscription: the same for the same URL and events, so that two concurrent calls make one.</summary>
    public static string IdOf(string url, IEnumerable<string> events) =>
        $"sub_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', events.Distinct().Order(StringComparer.Ordinal).Prepend(url)))))[..32]}";

    /// <summary>Stores a subscription, durably. Returns false if its id exists.</summary>
    public async Task<bool> AddAsync(Subscription subscription, CancellationToken cancellationToken) =>
        await documents.TryWriteAsync(NameOf(subscription.Id), subscription, PipelineJson.Default.Subscription, version: null, cancellationToken) is not null;

    /// <summary>Sets or removes a subscription's header. Returns false if its id does not exist any more.</summary>
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

    /// <summary>Deletes a subscription. Returns false if its id does not exist.</summary>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancellationToken) =>
        IsId(id) && await documents.DeleteAsync(NameOf(id), version: null, cancellationToken);

    /// <summary>The subscription of this id; null if there is none that can be read.</summary>
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

    /// <summary>Every readable subscription, ordered by id.</summary>
    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancellationToken) =>
        documents.ReadAllAsync(Prefix, PipelineJson.Default.Subscription, TellUnreadable, cancellationToken);

    private static string NameOf(string id) => $"{Prefix}{id}.json";

    // Callers send ids too, and the store would refuse some as malformed names.
    private static bool IsId(string id) => id.Length is > 0 and <= 256 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private void TellUnreadable(string name, JsonException e)
    {
        if (_unreadable.TryAdd(name, true)) LogUnreadable(logger, name, e.Message);
    }

    [LoggerMessage(LogLevel.Error, "The subscription {Name} can't be read and is skipped: delete it, and subscribe again. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string name, string reason);
}
