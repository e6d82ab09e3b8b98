using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Journal;

/// <summary>A workflow instance as the journal has it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Workflow">Which workflow it runs.</param>
/// <param name="Input">The input of its present run, as JSON.</param>
/// <param name="Trace">The W3C traceparent of what started it.</param>
/// <param name="CreatedAt">When it was started (UTC).</param>
/// <param name="StartedAt">When its present run was started (UTC).</param>
/// <param name="Status">What it reported last, as JSON.</param>
/// <param name="Outcome"><c>completed</c> or <c>failed</c>; null while it runs.</param>
/// <param name="Output">What it returned as JSON, or why it failed.</param>
internal sealed record Instance(
    string Id, string Workflow, string Input, string? Trace, DateTimeOffset CreatedAt, DateTimeOffset StartedAt, string? Status, string? Outcome,
    string? Output);

/// <summary>Everything that is written down of one instance, read at once.</summary>
internal sealed record Recorded(Instance Instance, IReadOnlyList<Happening> History);

/// <summary>The rows of workflow instances: each method is one write, whole or not at all, or one read.</summary>
internal sealed class InstanceStore(JournalDatabase database)
{
    /// <summary>
    /// Hears each status that is written down, with its instance's id, in that order, once it is on the disk. Handlers run on the journal's
    /// writer: they must be quick, and not throw.
    /// </summary>
    public event Action<string, string>? StatusWritten;

    private const string Columns = "id, workflow, input, trace, created_at, started_at, status, outcome, output";

    /// <summary>Inserts an instance that is due now; false if the id is taken (and, with <paramref name="replaceEnded"/>, still running).</summary>
    public Task<bool> StartAsync(string workflow, string id, string input, string? trace, DateTimeOffset now, bool replaceEnded) =>
        database.WriteAsync(db => Insert(db, workflow, id, input, trace, now, replaceEnded));

    /// <summary>Puts an event into the inbox of a running instance and makes it due; false if it is not running.</summary>
    public Task<bool> RaiseAsync(string id, string name) => database.WriteAsync(db =>
    {
        if (db.Execute("UPDATE instances SET due_at = 0 WHERE id = $1 AND outcome IS NULL", id) == 0) return false;
        db.Execute("INSERT INTO inbox (instance, name) VALUES ($1, $2)", id, name);
        return true;
    });

    public Instance? Find(string id) =>
        database.Read(db => db.Query($"SELECT {Columns} FROM instances WHERE id = $1", ReadInstance, id)).FirstOrDefault();

    public Recorded? Load(string id) => database.Read(db =>
    {
        // One read transaction: the instance and its history are of the same commit.
        db.Execute("BEGIN");
        try
        {
            var instance = db.Query($"SELECT {Columns} FROM instances WHERE id = $1 AND outcome IS NULL", ReadInstance, id).FirstOrDefault();
            return instance is null ? null : new Recorded(
                instance, db.Query("SELECT kind, task, name, value, at FROM history WHERE instance = $1 ORDER BY place", ReadHappening, id));
        }
        finally
        {
            db.Execute("COMMIT");
        }
    });

    /// <summary>The newest instances of a workflow, before <paramref name="before"/> if given.</summary>
    public IReadOnlyList<Instance> List(string workflow, string? status, (long CreatedAt, string Id)? before, int limit)
    {
        var (createdAt, id) = before ?? (long.MaxValue, "");
        return database.Read(db => db.Query(
            $"""
            SELECT {Columns} FROM instances
            WHERE workflow = $1 AND (created_at, id) < ($2, $3) AND ($4 IS NULL OR $4 =
                CASE outcome WHEN 'failed' THEN outcome ELSE coalesce(
                    CASE WHEN json_valid(status) THEN status ->> '$.status' END, CASE WHEN json_valid(input) THEN input ->> '$.state.status' END, 'accepted') END)
            ORDER BY created_at DESC, id DESC LIMIT $5
            """,
            ReadInstance, workflow, createdAt, id, status, limit));
    }

    /// <summary>The instances that want to run, those that have waited longest first.</summary>
    public IReadOnlyList<string> Due(DateTimeOffset now, int limit) => database.Read(db => db.Query(
        "SELECT id FROM instances WHERE due_at <= $1 ORDER BY due_at LIMIT $2", r => r.GetString(0), now.UtcTicks, limit));

    /// <summary>When the next instance wants to run after <paramref name="now"/>; null if none does.</summary>
    public DateTimeOffset? NextDue(DateTimeOffset now) => database.Read(db => db.Query(
        "SELECT min(due_at) FROM instances WHERE due_at > $1", r => r.IsDBNull(0) ? (DateTimeOffset?)null : Time(r, 0), now.UtcTicks)[0]);

    /// <summary>The latest time at which something happened to an instance that waits; null if none does.</summary>
    public DateTimeOffset? Latest() => database.Read(db => db.Query(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM history UNION ALL SELECT max(started_at) FROM instances WHERE due_at IS NOT NULL)",
        r => r.IsDBNull(0) ? (DateTimeOffset?)null : Time(r, 0))[0]);

    /// <summary>Makes every instance due that waits for a time.</summary>
    public Task<int> WakeAllAsync(DateTimeOffset now) =>
        database.WriteAsync(db => db.Execute("UPDATE instances SET due_at = $1 WHERE due_at > $1", now.UtcTicks));

    /// <summary>The events that wait in the inbox, in the order in which they were raised.</summary>
    public IReadOnlyList<(long Place, string Name)> Inbox(string id) => database.Read(db => db.Query(
        "SELECT place, name FROM inbox WHERE instance = $1 ORDER BY place", r => (r.GetInt64(0), r.GetString(1)), id));

    /// <summary>Writes down what has happened, in this order, with the children it starts and the events it takes from the inbox.</summary>
    public Task<int> AppendAsync(
        string id, int place, IReadOnlyList<Happening> happenings, IReadOnlyList<PendingChild> children, long inboxTaken, string? status,
        string? trace, DateTimeOffset now) => database.WriteAsync(db =>
        {
            foreach (var child in children) Insert(db, child.Workflow, child.Id, child.Input, trace, now, replaceEnded: false);
            foreach (var h in happenings)
            {
                db.Execute(
                    "INSERT INTO history (instance, place, kind, task, name, value, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    id, place++, (int)h.Kind, h.Task, h.Name, h.Value, h.At.UtcTicks);
            }
            if (inboxTaken > 0) db.Execute("DELETE FROM inbox WHERE instance = $1 AND place <= $2", id, inboxTaken);
            db.Execute("UPDATE instances SET status = $2 WHERE id = $1", id, status);
            return place;
        }, _ => Tell(id, status));

    /// <summary>Shows a new status at once, without waiting for the next happening.</summary>
    public Task<int> ShowAsync(string id, string? status) =>
        database.WriteAsync(db => db.Execute("UPDATE instances SET status = $2 WHERE id = $1", id, status), _ => Tell(id, status));

    /// <summary>Lets an instance rest until <paramref name="due"/>, or an event; false if an event has come in between.</summary>
    public Task<bool> RestAsync(string id, DateTimeOffset? due, string? status) => database.WriteAsync(db => db.Execute(
        "UPDATE instances SET due_at = $2, status = $3 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM inbox WHERE instance = $1)",
        id, due?.UtcTicks, status) > 0, rests => Tell(id, rests ? status : null));

    /// <summary>Ends an instance. Its history has served its purpose.</summary>
    public Task<bool> EndAsync(string id, string outcome, string output, string? status) => database.WriteAsync(db =>
    {
        Forget(db, id);
        return db.Execute(
            "UPDATE instances SET due_at = NULL, outcome = $2, output = $3, status = $4 WHERE id = $1", id, outcome, output, status) > 0;
    }, _ => Tell(id, status));

    /// <summary>
    /// Ends a run and begins the next one, under the same id, with the events that nobody waited for. Its clock goes on from
    /// <paramref name="clock"/>, if the machine's is behind that.
    /// </summary>
    public Task<bool> BeginAnewAsync(
        string id, string input, IReadOnlyList<string> unseen, string? status, DateTimeOffset clock, DateTimeOffset now) => database.WriteAsync(db =>
        {
            var raisedMeanwhile = db.Query("SELECT name FROM inbox WHERE instance = $1 ORDER BY place", r => r.GetString(0), id);
            Forget(db, id);
            foreach (var name in unseen.Concat(raisedMeanwhile)) db.Execute("INSERT INTO inbox (instance, name) VALUES ($1, $2)", id, name);
            return db.Execute(
                "UPDATE instances SET input = $2, started_at = max($3, $4), due_at = $4, status = $5 WHERE id = $1",
                id, input, clock.UtcTicks, now.UtcTicks, status) > 0;
        }, _ => Tell(id, status));

    /// <summary>Deletes this instance and those whose ids begin so, with all that is known of them; but none that has not ended.</summary>
    public Task ForgetEndedAsync(string id, string beginning) => database.WriteAsync(db =>
    {
        var ended = db.Query(
            "SELECT id FROM instances WHERE outcome IS NOT NULL AND (id = $1 OR id >= $2 AND id < $2 || char(127))", r => r.GetString(0), id, beginning);
        foreach (var one in ended)
        {
            db.Execute("DELETE FROM instances WHERE id = $1", one);
            Forget(db, one);
        }
        return ended.Count;
    });

    private void Tell(string id, string? status)
    {
        if (status is not null) StatusWritten?.Invoke(id, status);
    }

    private static bool Insert(Statements db, string workflow, string id, string input, string? trace, DateTimeOffset now, bool replaceEnded)
    {
        if (replaceEnded)
        {
            return db.Execute(
                """
                UPDATE instances SET input = $2, trace = $3, started_at = $4, due_at = $4, status = NULL, outcome = NULL, output = NULL
                WHERE id = $1 AND outcome IS NOT NULL
                """,
                id, input, trace, now.UtcTicks) > 0;
        }
        return db.Execute(
            """
            INSERT INTO instances (id, workflow, input, trace, created_at, started_at, due_at) VALUES ($1, $2, $3, $4, $5, $5, $5)
            ON CONFLICT (id) DO NOTHING
            """,
            id, workflow, input, trace, now.UtcTicks) > 0;
    }

    private static void Forget(Statements db, string id)
    {
        db.Execute("DELETE FROM history WHERE instance = $1", id);
        db.Execute("DELETE FROM inbox WHERE instance = $1", id);
    }

    private static Instance ReadInstance(SqliteDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), Text(r, 3), Time(r, 4), Time(r, 5), Text(r, 6), Text(r, 7), Text(r, 8));

    private static Happening ReadHappening(SqliteDataReader r) =>
        new((HappeningKind)Number(r, 0), Number(r, 1), r.GetString(2), Text(r, 3), Time(r, 4));

    private static string? Text(SqliteDataReader r, int column) => r.IsDBNull(column) ? null : r.GetString(column);

    // What stands in one row must not keep the others from being read: a number that can't be one is no reason to throw.
    private static int Number(SqliteDataReader r, int column) => (int)Math.Clamp(r.GetInt64(column), int.MinValue, int.MaxValue);

    private static DateTimeOffset Time(SqliteDataReader r, int column) =>
        new(Math.Clamp(r.GetInt64(column), 0, DateTimeOffset.MaxValue.UtcTicks), TimeSpan.Zero);
}
