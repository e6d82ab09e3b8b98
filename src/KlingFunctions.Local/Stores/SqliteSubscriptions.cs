using System.Text.Json;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Stores;

/// <summary>The subscriptions in the journal's file.</summary>
internal sealed class SqliteSubscriptions(JournalDatabase database) : ISubscriptions
{
    public Task AddAsync(Subscription subscription, CancellationToken cancel)
    {
        var value = JsonSerializer.Serialize(subscription, PipelineJson.Default.Subscription);
        return database.WriteAsync(db => db.Execute("INSERT INTO subscriptions (id, value) VALUES ($1, $2)", subscription.Id, value));
    }

    public Task<bool> RemoveAsync(string id, CancellationToken cancel) =>
        database.WriteAsync(db => db.Execute("DELETE FROM subscriptions WHERE id = $1", id) > 0);

    public Task<Subscription?> FindAsync(string id, CancellationToken cancel) => Task.FromResult(
        database.Read(db => db.Query("SELECT value FROM subscriptions WHERE id = $1", r => Read(r.GetString(0)), id)).FirstOrDefault());

    public Task<IReadOnlyList<Subscription>> ListAsync(CancellationToken cancel) => Task.FromResult<IReadOnlyList<Subscription>>(
        database.Read(db => db.Query("SELECT value FROM subscriptions ORDER BY id", r => Read(r.GetString(0)))));

    private static Subscription Read(string value) => JsonSerializer.Deserialize(value, PipelineJson.Default.Subscription)!;
}
