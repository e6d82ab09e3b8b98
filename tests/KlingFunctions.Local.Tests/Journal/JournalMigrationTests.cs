using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Local.Tests.Journal;

public sealed class JournalMigrationTests : IDisposable
{
    // The tables of version 2, with data.
    private const string Version2 = """
        CREATE TABLE instances (id TEXT PRIMARY KEY, workflow TEXT NOT NULL, input TEXT NOT NULL, trace TEXT, created_at INTEGER NOT NULL,
            started_at INTEGER NOT NULL, due_at INTEGER, status TEXT, outcome TEXT, output TEXT) WITHOUT ROWID;
        CREATE TABLE submissions (key TEXT PRIMARY KEY, intended_at INTEGER NOT NULL, request_id TEXT, submitted_at INTEGER) WITHOUT ROWID;
        CREATE TABLE days (day TEXT NOT NULL, job TEXT NOT NULL, PRIMARY KEY (day, job)) WITHOUT ROWID;
        CREATE TABLE in_flight (job TEXT PRIMARY KEY) WITHOUT ROWID;
        CREATE TABLE subscriptions (id TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE dead_letters (id TEXT PRIMARY KEY, at INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
        INSERT INTO submissions VALUES ('vid_1', 1, 'req-1', 2);
        INSERT INTO days VALUES ('2025-12-31', 'vid_0'), ('2026-01-01', 'vid_1'), ('2026-01-01', 'vid_2');
        INSERT INTO in_flight VALUES ('vid_1'), ('vid_2');
        INSERT INTO subscriptions VALUES
            ('sub_1', '{"id":"sub_1","url":"https://example.com/?sig=s","events":["video.failed"],"created_at":"2026-01-01T08:00:00+00:00"}'), ('sub_2', '{');
        INSERT INTO dead_letters VALUES
            ('ntf_vid_1_0_webhook', 5, '{"notification_id":"ntf_vid_1_0_webhook","job_id":"vid_1","receiver":"example.com","reason":"HTTP 500","body":"{}","at":"2026-01-01T08:00:00+00:00"}');
        PRAGMA user_version = 2;
        """;

    private static readonly DateOnly Today = new(2026, 1, 1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-migration-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Journal_of_version_2_keeps_all_its_data()
    {
        Run(Version2);
        for (var start = 0; start < 2; start++)
        {
            await using var database = new JournalDatabase(_folder.FullName);
            Assert.Equal(JournalSchema.Version, database.Read(db => db.Query("PRAGMA user_version", r => r.GetInt32(0)))[0]);
            Assert.Equal("req-1", (await new SqliteLedger(database).FindAsync("vid_1", Cancel))!.RequestId);

            var documents = new SqliteDocuments(database);
            using var quota = new Quota(documents, TimeProvider.System);
            Assert.False(await quota.TryTakeDayAsync("vid_3", Today, 2, Cancel));
            Assert.True(await quota.TryTakeDayAsync("vid_2", Today, 2, Cancel));
            Assert.False(await quota.TryTakeDayAsync("vid_3", Today.AddDays(-1), 1, Cancel));
            Assert.False(await quota.TryEnterAsync("vid_3", 2, Cancel));
            Assert.True(await quota.TryEnterAsync("vid_1", 2, Cancel));

            var subscription = Assert.Single(await new Subscriptions(documents, NullLogger<Subscriptions>.Instance).ListAsync(Cancel));
            Assert.Equal(("sub_1", "https://example.com/?sig=s", "video.failed"), (subscription.Id, subscription.Url, Assert.Single(subscription.Events)));
            Assert.NotNull(await documents.ReadAsync("subscriptions/sub_2.json", Cancel));
            Assert.Equal("HTTP 500", Assert.Single(await new DeadLetters(documents, NullLogger<DeadLetters>.Instance).ListAsync(Cancel)).Reason);
        }
    }

    [Fact]
    public async Task New_journal_has_no_table_of_an_older_version()
    {
        await using var database = new JournalDatabase(_folder.FullName);
        Assert.Equal(
            ["clock", "documents", "history", "inbox", "instances", "submissions"],
            database.Read(db => db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name", r => r.GetString(0))));
    }

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, "journal.db")};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
