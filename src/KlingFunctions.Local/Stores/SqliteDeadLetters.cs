using System.Text.Json;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Stores;

/// <summary>The dead letters in the journal's file.</summary>
internal sealed class SqliteDeadLetters(JournalDatabase database) : IDeadLetters
{
    public Task AddAsync(DeadLetter letter, CancellationToken cancel)
    {
        var value = JsonSerializer.Serialize(letter, PipelineJson.Default.DeadLetter);
        return database.WriteAsync(db => db.Execute(
            "INSERT OR REPLACE INTO dead_letters (id, at, value) VALUES ($1, $2, $3)", letter.NotificationId, letter.At.UtcTicks, value));
    }

    public Task RemoveAsync(string notificationId, CancellationToken cancel) =>
        database.WriteAsync(db => db.Execute("DELETE FROM dead_letters WHERE id = $1", notificationId));

    public Task<IReadOnlyList<DeadLetter>> ListAsync(CancellationToken cancel) => Task.FromResult<IReadOnlyList<DeadLetter>>(database.Read(db => db.Query(
        "SELECT value FROM dead_letters ORDER BY at DESC", r => JsonSerializer.Deserialize(r.GetString(0), PipelineJson.Default.DeadLetter)!)));
}
