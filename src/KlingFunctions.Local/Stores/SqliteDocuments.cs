using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Local.Stores;

/// <summary>Documents in the journal's database.</summary>
internal sealed class SqliteDocuments(JournalDatabase database) : IDocuments
{
    public Task<Document?> ReadAsync(string name, CancellationToken cancellationToken) => Task.FromResult(database.Read(db => db.Query(
        "SELECT text, version FROM documents WHERE name = $1", r => new Document(r.GetString(0), r.GetString(1)), name)).FirstOrDefault());

    public Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken)
    {
        var next = $"{Guid.NewGuid():N}";
        return database.WriteAsync(db => (version is null
            ? db.Execute("INSERT INTO documents (name, text, version) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", name, text, next)
            : db.Execute("UPDATE documents SET text = $2, version = $3 WHERE name = $1 AND version = $4", name, text, next, version)) > 0 ? next : null);
    }

    public Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken) =>
        database.WriteAsync(db => db.Execute("DELETE FROM documents WHERE name = $1 AND ($2 IS NULL OR version = $2)", name, version) > 0);

    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => database.Read(db => db.Query(
        "SELECT name FROM documents WHERE name >= $1 AND name < $1 || char(127) ORDER BY name", r => r.GetString(0), prefix)).ToAsyncEnumerable();
}
