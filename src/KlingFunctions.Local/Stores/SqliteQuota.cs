using System.Globalization;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Local.Stores;

/// <summary>The spending guards in the journal's file. There is one writer, so each check and its taking are one.</summary>
internal sealed class SqliteQuota(JournalDatabase database) : IQuota
{
    public Task<bool> TryTakeDayAsync(string jobId, DateOnly day, int cap, CancellationToken cancel) => database.WriteAsync(db =>
    {
        var date = day.ToString("O", CultureInfo.InvariantCulture);
        // Yesterday stays: a call may have looked at the clock just before midnight. So do the last days of which anything is known: the
        // clock may be years ahead, and be put right before the day is over.
        db.Execute("DELETE FROM days WHERE day < date($1, '-1 day') AND day NOT IN (SELECT DISTINCT day FROM days ORDER BY day DESC LIMIT 7)", date);
        return db.Execute(
            "INSERT INTO days (day, job) SELECT $1, $2 WHERE (SELECT count(*) FROM days WHERE day = $1) < $3 ON CONFLICT DO NOTHING", date, jobId, cap) > 0
            || db.Query("SELECT 1 FROM days WHERE day = $1 AND job = $2", r => r.GetInt32(0), date, jobId).Count > 0;
    });

    public Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancel) => database.WriteAsync(db =>
        db.Execute("INSERT INTO in_flight (job) SELECT $1 WHERE (SELECT count(*) FROM in_flight) < $2 ON CONFLICT DO NOTHING", jobId, cap) > 0
        || db.Query("SELECT 1 FROM in_flight WHERE job = $1", r => r.GetInt32(0), jobId).Count > 0);

    public Task LeaveAsync(string jobId, CancellationToken cancel) =>
        database.WriteAsync(db => db.Execute("DELETE FROM in_flight WHERE job = $1", jobId));
}
