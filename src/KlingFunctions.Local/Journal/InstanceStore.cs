using System.Globalization;
using System.Text;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Journal;

/// <summary>A workflow instance as stored in the journal.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Workflow">The name of its workflow.</param>
/// <param name="Input">The input of the current run, as JSON.</param>
/// <param name="Trace">The W3C traceparent of its start.</param>
/// <param name="CreatedAt">When it was started (UTC).</param>
/// <param name="StartedAt">When the current run was started (UTC).</param>
/// <param name="Status">The last reported status, as JSON.</param>
/// <param name="Outcome"><c>completed</c> or <c>failed</c>; null while it runs.</param>
/// <param name="Output">The output as JSON, or the error.</param>
internal sealed record Instance(
    string Id, string Workflow, string Input, string? Trace, DateTimeOffset CreatedAt, DateTimeOffset StartedAt, string? Status, string? Outcome,
    string? Output);

/// <summary>One instance with its history, read in one transaction.</summary>
internal sealed record Recorded(Instance Instance, IReadOnlyList<HistoryEvent> History);

/// <summary>The rows of workflow instances. Each method is one atomic write, or one read.</summary>
internal sealed class InstanceStore(JournalDatabase database)
{
    /// <summary>
    /// Raised for each written status, with its instance's id, in the order of the writes, after the commit. Handlers run on the journal's
    /// writer thread: they must be quick, and must not throw.
    /// </summary>
    public event Action<string, string>? StatusWritten;

    private const string Columns = "id, workflow, input, trace, created_at, started_at, status, outcome, output";

    /// <summary>
    /// Inserts an instance that is due now; false if the id exists (and, with <paramref name="replaceEnded"/>, still runs).
    /// </summary>
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
        // One read transaction, so that the instance and its history are from the same commit.
        db.Execute("BEGIN");
        try
        {
            var instance = db.Query($"SELECT {Columns} FROM instances WHERE id = $1 AND outcome IS NULL", ReadInstance, id).FirstOrDefault();
            return instance is null ? null : new Recorded(
                instance, db.Query("SELECT kind, task, name, value, at FROM history WHERE instance = $1 ORDER BY place", ReadEvent, id));
        }
        finally
        {
            db.Execute("COMMIT");
        }
    });

    // A job without a reported status has that of its input: a resumed run starts from an earlier state.
    private const string StatusOf = """
        CASE outcome WHEN 'failed' THEN outcome ELSE coalesce(
            CASE WHEN json_valid(status) THEN status ->> '$.status' END, CASE WHEN json_valid(input) THEN input ->> '$.state.status' END, 'accepted') END
        """;

    /// <summary>The newest instances of a workflow that match the filter, before <paramref name="before"/> if given.</summary>
    public IReadOnlyList<Instance> List(string workflow, JobFilter filter, (long CreatedAt, string Id)? before, int limit)
    {
        var (createdAt, id) = before ?? (long.MaxValue, "");
        var (condition, values) = Condition(workflow, filter);
        return database.Read(db => db.Query(
            $"""
            SELECT {Columns} FROM instances
            WHERE {condition} AND (created_at, id) < (${values.Count + 1}, ${values.Count + 2})
            ORDER BY created_at DESC, id DESC LIMIT ${values.Count + 3}
            """,
            ReadInstance, [.. values, createdAt, id, limit]));
    }

    /// <summary>The number of matching instances of a workflow, by status.</summary>
    public IReadOnlyDictionary<string, int> Count(string workflow, JobFilter filter)
    {
        var (condition, values) = Condition(workflow, filter);
        return database.Read(db => db.Query(
            $"SELECT {StatusOf}, count(*) FROM instances WHERE {condition} GROUP BY 1", r => (r.GetString(0), r.GetInt32(1)), [.. values])).ToDictionary();
    }

    private static (string Condition, IReadOnlyList<object?> Values) Condition(string workflow, JobFilter filter)
    {
        var values = new List<object?> { workflow };
        var condition = new StringBuilder("workflow = $1");
        if (filter.CreatedAfter is { } after) condition.Append(CultureInfo.InvariantCulture, $" AND created_at >= {Value(after.UtcTicks)}");
        if (filter.CreatedBefore is { } to) condition.Append(CultureInfo.InvariantCulture, $" AND created_at < {Value(to.UtcTicks)}");
        if (filter.Status is { } status) condition.Append(CultureInfo.InvariantCulture, $" AND {Value(JsonWord.Of(status))} = {StatusOf}");
        if (filter.Batch is { } batch)
            condition.Append(CultureInfo.InvariantCulture, $" AND CASE WHEN json_valid(input) THEN input ->> '$.batch.id' END = {Value(batch)}");
        foreach (var (name, wanted) in filter.Metadata)
        {
            var path = Value($"$.request.metadata.\"{name}\"");
            condition.Append(
                CultureInfo.InvariantCulture,
                $" AND CASE WHEN json_valid(input) THEN CASE json_type(input, {path}) WHEN 'text' THEN input ->> {path} ELSE input -> {path} END END = {Value(wanted)}");
        }
        return (condition.ToString(), values);

        string Value(object value)
        {
            values.Add(value);
            return $"${values.Count}";
        }
    }

    /// <summary>The instances that are due, longest waiting first.</summary>
    public IReadOnlyList<string> Due(DateTimeOffset now, int limit) => database.Read(db => db.Query(
        "SELECT id FROM instances WHERE due_at <= $1 ORDER BY due_at LIMIT $2", r => r.GetString(0), now.UtcTicks, limit));

    /// <summary>When the next instance is due after <paramref name="now"/>; null if none is.</summary>
    public DateTimeOffset? NextDue(DateTimeOffset now) => database.Read(db => db.Query(
        "SELECT min(due_at) FROM instances WHERE due_at > $1", r => r.IsDBNull(0) ? (DateTimeOffset?)null : Time(r, 0), now.UtcTicks)[0]);

    /// <summary>The latest time of any write, by the machine's clock at that time; null in a new journal.</summary>
    public DateTimeOffset? Latest() => database.Read(db => db.Query("SELECT latest FROM clock", r => Time(r, 0))) is [{ Ticks: > 0 } latest] ? latest : null;

    /// <summary>Makes every instance due that waits for a time, since the machine's clock was set back.</summary>
    public Task<int> WakeAllAsync(DateTimeOffset now) => database.WriteAsync(db =>
    {
        db.Execute("UPDATE clock SET latest = $1", now.UtcTicks);
        return db.Execute("UPDATE instances SET due_at = $1 WHERE due_at > $1", now.UtcTicks);
    });

    /// <summary>The events in the inbox, in the order in which they were raised.</summary>
    public IReadOnlyList<(long Place, string Name)> Inbox(string id) => database.Read(db => db.Query(
        "SELECT place, name FROM inbox WHERE instance = $1 ORDER BY place", r => (r.GetInt64(0), r.GetString(1)), id));

    /// <summary>Appends events in this order, starts the children, and removes the received events from the inbox.</summary>
    public Task<int> AppendAsync(
        string id, int place, IReadOnlyList<HistoryEvent> events, IReadOnlyList<PendingChild> children, long inboxRead, string? status,
        string? trace, DateTimeOffset now) => database.WriteAsync(db =>
        {
            foreach (var child in children) Insert(db, child.Workflow, child.Id, child.Input, trace, now, replaceEnded: false);
            foreach (var h in events)
            {
                db.Execute(
                    "INSERT INTO history (instance, place, kind, task, name, value, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    id, place++, (int)h.Kind, h.Task, h.Name, h.Value, h.At.UtcTicks);
            }
            if (inboxRead > 0) db.Execute("DELETE FROM inbox WHERE instance = $1 AND place <= $2", id, inboxRead);
            db.Execute("UPDATE instances SET status = $2 WHERE id = $1", id, status);
            Note(db, now);
            return place;
        }, _ => RaiseStatusWritten(id, status));

    /// <summary>Writes a new status at once, without waiting for the next event.</summary>
    public Task<int> WriteStatusAsync(string id, string? status) =>
        database.WriteAsync(db => db.Execute("UPDATE instances SET status = $2 WHERE id = $1", id, status), _ => RaiseStatusWritten(id, status));

    /// <summary>Suspends an instance until <paramref name="due"/> or an event; false if an event has arrived meanwhile.</summary>
    public Task<bool> RestAsync(string id, DateTimeOffset? due, string? status) => database.WriteAsync(db => db.Execute(
        "UPDATE instances SET due_at = $2, status = $3 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM inbox WHERE instance = $1)",
        id, due?.UtcTicks, status) > 0, rests => RaiseStatusWritten(id, rests ? status : null));

    /// <summary>Ends an instance and deletes its history, which is no longer needed.</summary>
    public Task<bool> EndAsync(string id, string outcome, string output, string? status) => database.WriteAsync(db =>
    {
        Forget(db, id);
        return db.Execute(
            "UPDATE instances SET due_at = NULL, outcome = $2, output = $3, status = $4 WHERE id = $1", id, outcome, output, status) > 0;
    }, _ => RaiseStatusWritten(id, status));

    /// <summary>
    /// Ends a run and begins the next one under the same id, with the events that nothing waited for. If the machine's clock is behind
    /// <paramref name="clock"/>, the next run's clock continues from there.
    /// </summary>
    public Task<bool> ContinueAsNewAsync(
        string id, string input, IReadOnlyList<string> unseen, string? status, DateTimeOffset clock, DateTimeOffset now) => database.WriteAsync(db =>
        {
            var raisedMeanwhile = db.Query("SELECT name FROM inbox WHERE instance = $1 ORDER BY place", r => r.GetString(0), id);
            Forget(db, id);
            foreach (var name in unseen.Concat(raisedMeanwhile)) db.Execute("INSERT INTO inbox (instance, name) VALUES ($1, $2)", id, name);
            return db.Execute(
                "UPDATE instances SET input = $2, started_at = max($3, $4), due_at = $4, status = $5 WHERE id = $1",
                id, input, clock.UtcTicks, now.UtcTicks, status) > 0;
        }, _ => RaiseStatusWritten(id, status));

    /// <summary>Deletes this instance and those whose ids begin with <paramref name="beginning"/>, if they have ended.</summary>
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

    private void RaiseStatusWritten(string id, string? status)
    {
        if (status is not null) StatusWritten?.Invoke(id, status);
    }

    private static void Note(Statements db, DateTimeOffset now) => db.Execute("UPDATE clock SET latest = $1 WHERE latest < $1", now.UtcTicks);

    private static bool Insert(Statements db, string workflow, string id, string input, string? trace, DateTimeOffset now, bool replaceEnded)
    {
        Note(db, now);
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

    private static HistoryEvent ReadEvent(SqliteDataReader r) =>
        new((HistoryEventKind)Number(r, 0), Number(r, 1), r.GetString(2), Text(r, 3), Time(r, 4));

    private static string? Text(SqliteDataReader r, int column) => r.IsDBNull(column) ? null : r.GetString(column);

    // A damaged row must not make the others unreadable, so a number out of range is clamped and does not throw.
    private static int Number(SqliteDataReader r, int column) => (int)Math.Clamp(r.GetInt64(column), int.MinValue, int.MaxValue);

    private static DateTimeOffset Time(SqliteDataReader r, int column) =>
        new(Math.Clamp(r.GetInt64(column), 0, DateTimeOffset.MaxValue.UtcTicks), TimeSpan.Zero);
}
