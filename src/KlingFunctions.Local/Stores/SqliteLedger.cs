using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Local.Stores;

/// <summary>
/// The ledger in the journal's database: each entry is on the disk before the method completes. A copy outlives a restore of the journal.
/// </summary>
internal sealed class SqliteLedger(JournalDatabase database) : ISubmissionLedger
{
    // Only one process uses the journal, and never runs a step twice at a time. So an intent without an id is from a process that died.
    private const bool MayBeUnderWay = false;

    private readonly LedgerCopy _copy = new(database);

    public async Task<Submission?> FindAsync(string key, CancellationToken cancellationToken)
    {
        var known = Find(key);
        if (known is { RequestId: not null }) return known;
        // The host may have died between the copy and the journal, or the journal may be a restored backup.
        if (_copy.Find(key) is not { } kept) return known;
        if (kept is not { RequestId: { } requestId, SubmittedAt: { } at }) return kept;
        try
        {
            await WriteIdAsync(key, requestId, at);
        }
        catch (JournalException)
        {
            // The copy still has it for the next call.
        }
        return kept;
    }

    private Submission? Find(string key) => database.Read(db => db.Query(
        "SELECT key, intended_at, request_id, submitted_at FROM submissions WHERE key = $1",
        r => new Submission(
            r.GetString(0),
            new(r.GetInt64(1), TimeSpan.Zero),
            r.IsDBNull(2) ? null : r.GetString(2),
            r.IsDBNull(3) ? null : new DateTimeOffset(r.GetInt64(3), TimeSpan.Zero),
            MayBeUnderWay),
        key)).FirstOrDefault();

    public async Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var isIntended = await database.WriteAsync(db => db.Execute(
            "INSERT INTO submissions (key, intended_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING", key, now.UtcTicks) > 0);
        if (isIntended) _copy.Write(new(key, now, RequestId: null, SubmittedAt: null, MayBeUnderWay));
        return isIntended;
    }

    public async Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // First the copy: the id is paid for, even if the journal can't be written now.
        _copy.Write(new(key, now, requestId, now, MayBeUnderWay));
        await WriteIdAsync(key, requestId, now);
    }

    private async Task WriteIdAsync(string key, string requestId, DateTimeOffset at) => await database.WriteAsync(db => db.Execute(
        """
        INSERT INTO submissions (key, intended_at, request_id, submitted_at) VALUES ($1, $3, $2, $3)
        ON CONFLICT (key) DO UPDATE SET request_id = $2, submitted_at = $3 WHERE request_id IS NOT $2
        """,
        key, requestId, at.UtcTicks));

    public async Task ForgetAsync(string jobId, CancellationToken cancellationToken)
    {
        await database.WriteAsync(db =>
            db.Execute("DELETE FROM submissions WHERE key >= $1 AND key < $1 || char(127)", jobId)
            // Documents beside the submissions are deleted with them.
            + db.Execute("DELETE FROM documents WHERE name >= 'ledger/' || $1 AND name < 'ledger/' || $1 || char(127)", jobId));
        _copy.DeleteOf(jobId);
    }

    public async Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken)
    {
        var isWithdrawn = await database.WriteAsync(db => db.Execute(
            "DELETE FROM submissions WHERE key = $1 AND intended_at = $2 AND request_id IS NULL", key, intendedAt.UtcTicks) > 0);
        if (isWithdrawn) _copy.Delete(key);
    }
}
