namespace KlingFunctions.Local.Journal;

/// <summary>The tables of the journal. Times are UTC ticks.</summary>
internal static class JournalSchema
{
    /// <summary>
    /// The present format: raised with each change that an older host could not read. Older formats can be read: 1 lacks
    /// <see cref="HappeningKind.ClockSetBack"/>, and both 1 and 2 have tables of their own for what are documents now.
    /// </summary>
    public const int Version = 3;

    // A new journal has none of these tables, nor has one that lost its number.
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
    /// Makes what is not there, all or nothing. <c>due_at</c> is when an instance wants to run: a time past means now, null means only an event
    /// wakes it.
    /// </summary>
    /// <param name="from">The format of the journal as it is.</param>
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
        CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, text TEXT NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
        {(from < 3 ? MoveToDocuments : "")}
        PRAGMA user_version = {Version};
        COMMIT;
        """;
}
