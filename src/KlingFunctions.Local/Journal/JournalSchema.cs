namespace KlingFunctions.Local.Journal;

/// <summary>The tables of the journal. Times are UTC ticks.</summary>
internal static class JournalSchema
{
    /// <summary>
    /// The current format, raised with each change that an older host can't read. Older formats are readable: 1 lacks
    /// <see cref="HistoryEventKind.ClockSetBack"/>, and 1 and 2 have separate tables for data that is in documents now.
    /// </summary>
    public const int Version = 3;

    // A new journal, or one without a version number, does not have these tables.
    private const string MoveToDocuments = """
        CREATE TABLE IF NOT EXISTS days (day TEXT, job TEXT);
        CREATE TABLE IF NOT EXISTS in_flight (job TEXT);
        CREATE TABLE IF NOT EXISTS subscriptions (id TEXT, value TEXT);
        CREATE TABLE IF NOT EXISTS dead_letters (id TEXT, value TEXT);
        INSERT OR IGNORE INTO documents (name, text, version)
            SELECT 'quota/days/' || day, json_object('jobs', json_group_array(job)), hex(randomblob(16)) FROM days GROUP BY day
            UNION ALL SELECT 'quota/in-flight', json_object('jobs', json_group_array(job)), hex(randomblob(16)) FROM in_flight HAVING count(*) > 0
            UNION ALL SELECT 'subscriptions/' || id || '.json', value, hex(randomblob(16)) FROM subscriptions
            UNION ALL SELECT 'dead-letters/' || id || '.json', value, hex(randomblob(16)) FROM dead_letters;
        DROP TABLE days;
        DROP TABLE in_flight;
        DROP TABLE subscriptions;
        DROP TABLE dead_letters;
        """;

    /// <summary>
    /// Creates missing tables, all or none. <c>due_at</c> is the time at which an instance has to run: a time in the past means now, null
    /// means that only an event wakes it.
    /// </summary>
    /// <param name="from">The journal's current format.</param>
    public static string Sql(int from) => $"""
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS instances (
            id TEXT PRIMARY KEY,
            workflow TEXT NOT NULL,
            input TEXT NOT NULL,
            trace TEXT,
            created_at INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            due_at INTEGER,
            status TEXT,
            outcome TEXT,
            output TEXT
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS instances_due ON instances (due_at) WHERE due_at IS NOT NULL;
        CREATE INDEX IF NOT EXISTS instances_listed ON instances (workflow, created_at, id);
        CREATE TABLE IF NOT EXISTS history (
            instance TEXT NOT NULL,
            place INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            task INTEGER NOT NULL,
            name TEXT NOT NULL,
            value TEXT,
            at INTEGER NOT NULL,
            PRIMARY KEY (instance, place)
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS inbox (place INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, name TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS inbox_instance ON inbox (instance);
        CREATE TABLE IF NOT EXISTS submissions (
            key TEXT PRIMARY KEY, intended_at INTEGER NOT NULL, request_id TEXT, submitted_at INTEGER
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS clock (latest INTEGER NOT NULL);
        INSERT INTO clock
            SELECT (SELECT coalesce(max(at), 0) FROM (SELECT max(at) AS at FROM history UNION ALL SELECT max(started_at) FROM instances))
            WHERE NOT EXISTS (SELECT 1 FROM clock);
        CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, text TEXT NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
        {(from < 3 ? MoveToDocuments : "")}
        PRAGMA user_version = {Version};
        COMMIT;
        """;
}
