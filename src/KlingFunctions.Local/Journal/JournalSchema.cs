namespace KlingFunctions.Local.Journal;

/// <summary>The tables of the journal. Times are UTC ticks.</summary>
internal static class JournalSchema
{
    /// <summary>Which format this is: raised with each change that an older host could not read. Older formats can be read: 1 is 2 without <see cref="HappeningKind.ClockSetBack"/>.</summary>
    public const int Version = 2;

    /// <summary>Makes what is not there. <c>due_at</c> is when an instance wants to run: a time past means now, null means only an event wakes it.</summary>
    public static readonly string Sql = $"""
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
        CREATE TABLE IF NOT EXISTS days (day TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (day, job)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS in_flight (job TEXT PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS dead_letters (id TEXT PRIMARY KEY, at INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
        PRAGMA user_version = {Version};
        COMMIT;
        """;
}
