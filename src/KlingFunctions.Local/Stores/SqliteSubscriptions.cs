using System.Text.Json;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Stores;

/// <summary>The subscriptions in the journal's file.</summary>
internal sealed partial class SqliteSubscriptions(JournalDatabase database, ILogger<SqliteSubscriptions> logger) : ISubscriptions
{
    public Task AddAsync(Subscription subscription, CancellationToken cancel)
    {
        var value = JsonSerializer.Serialize(subscription, PipelineJson.Default.Subscription);
        return database.WriteAsync(db => db.Execute("INSERT INTO subscriptions (id, value) VALUES ($1, $2)", subscription.Id, value));
    }

    public Task<bool> RemoveAsync(string id, CancellationToken cancel) =>
        database.WriteAsync(db => db.Execute("DELETE FROM subscriptions WHERE id = $1", id) > 0);

    public Task<Subscription?> FindAsync(string id, CancellationToken cancel) => Task.FromResult(
        database.Read(db => db.Query("SELECT id, value FROM subscriptions WHERE id = $1", Read, id)).FirstOrDefault());

    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancel) => Task.FromResult<IReadOnlyList<Subscription>>(
        [.. database.Read(db => db.Query("SELECT id, value FROM subscriptions ORDER BY id", Read)).OfType<Subscription>()]);

    /// <summary>One that can't be read keeps no other from being told.</summary>
    private Subscription? Read(SqliteDataReader row)
    {
        try
        {
            return JsonSerializer.Deserialize(row.GetString(1), PipelineJson.Default.Subscription);
        }
        catch (JsonException e)
        {
            LogUnreadable(logger, row.GetString(0), e.Message);
            return null;
        }
    }

    [LoggerMessage(LogLevel.Error, "The subscription {Id} can't be read and is passed over: delete it, and subscribe anew. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string id, string reason);
}
