using KlingFunctions.Local.Journal;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Tests.Journal;

public sealed class JournalDatabaseTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-database-");
    private JournalDatabase _database = null!;

    public async ValueTask InitializeAsync()
    {
        _database = new JournalDatabase(_folder.FullName);
        await _database.WriteAsync(db => db.Execute("CREATE TABLE notes (place INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)"));
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Waiting_writes_share_one_commit_and_keep_their_order()
    {
        // The rows that each write finds committed show which writes shared a commit.
        var seen = await TogetherAsync(200, (db, i) =>
        {
            db.Execute("INSERT INTO notes (text) VALUES ($1)", $"{i}");
            return Notes().Count;
        });
        Assert.Equal([0], (await Task.WhenAll(seen)).Distinct());
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{i}"), Notes());
    }

    [Fact]
    public async Task Write_is_committed_when_it_completes()
    {
        for (var i = 1; i <= 20; i++)
        {
            await NoteAsync($"{i}");
            Assert.Equal(i, Notes().Count);
        }
    }

    [Fact]
    public async Task Failed_write_is_rolled_back_alone()
    {
        var writes = await TogetherAsync(5, (db, i) =>
        {
            db.Execute("INSERT INTO notes (text) VALUES ($1)", $"{i}");
            return i is 2 ? throw new InvalidOperationException("not this one") : i;
        });
        Assert.Equal("not this one", (await Assert.ThrowsAsync<InvalidOperationException>(() => writes[2])).Message);
        foreach (var i in new[] { 0, 1, 3, 4 }) Assert.Equal(i, await writes[i]);
        Assert.Equal(["0", "1", "3", "4"], Notes());
    }

    [Fact]
    public async Task Failed_commit_fails_all_its_writes_and_the_next_one_works()
    {
        await _database.WriteAsync(db => db.Execute(
            "CREATE TABLE replies (note INTEGER NOT NULL REFERENCES notes (place) DEFERRABLE INITIALLY DEFERRED)"));
        var writes = await TogetherAsync(5, (db, i) =>
        {
            db.Execute("INSERT INTO notes (text) VALUES ($1)", $"{i}");
            // SQLite checks a deferred constraint at COMMIT only.
            if (i is 2) db.Execute("INSERT INTO replies (note) VALUES (-1)");
            return i;
        });
        foreach (var write in writes) Assert.Contains("constraint", (await Assert.ThrowsAsync<SqliteException>(() => write)).Message, StringComparison.Ordinal);
        Assert.Empty(Notes());
        await NoteAsync("after");
        Assert.Equal(["after"], Notes());
    }

    [Fact]
    public async Task Full_disk_fails_every_write_until_there_is_room()
    {
        await _database.WriteAsync(db => db.Execute("PRAGMA max_page_count = 60"));
        var writes = await TogetherAsync(3, (db, i) => db.Execute("INSERT INTO notes (text) VALUES ($1)", new string('x', i is 1 ? 1_000_000 : 1)));
        foreach (var write in writes) Assert.Contains("free some space", (await Assert.ThrowsAsync<JournalException>(() => write)).Message, StringComparison.Ordinal);
        Assert.Empty(Notes());
        await NoteAsync("small");
        await _database.WriteAsync(db => db.Execute("PRAGMA max_page_count = 1000000"));
        await NoteAsync(new string('x', 1_000_000));
        Assert.Equal(2, Notes().Count);
    }

    [Fact]
    public async Task Failure_of_the_writer_reaches_all_waiting_callers()
    {
        // Not an error of SQLite but a defect: the connection is closed.
        var breaking = _database.WriteAsync(db =>
        {
            db.Dispose();
            return 0;
        });
        await Assert.ThrowsAnyAsync<Exception>(() => breaking.WaitAsync(Patience, TestContext.Current.CancellationToken));
        var next = await Assert.ThrowsAnyAsync<Exception>(() => NoteAsync("next").WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.IsNotType<TimeoutException>(next);
    }

    [Fact]
    public async Task Failed_read_leaves_no_old_snapshot_behind()
    {
        await NoteAsync("first");
        Assert.Throws<InvalidOperationException>(() => _database.Read<int>(db =>
        {
            db.Execute("BEGIN");
            _ = db.Query("SELECT * FROM notes", r => r.GetInt64(0));
            throw new InvalidOperationException();
        }));
        await NoteAsync("second");
        Assert.Equal(["first", "second"], Notes());
    }

    [Fact]
    public async Task Closing_waits_for_accepted_writes_and_refuses_later_ones()
    {
        var writes = await TogetherAsync(50, (db, i) => db.Execute("INSERT INTO notes (text) VALUES ($1)", $"{i}"));
        await _database.DisposeAsync();
        Assert.Equal(50, (await Task.WhenAll(writes)).Sum());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => NoteAsync("late"));
        Assert.Throws<ObjectDisposedException>(Notes);
        await _database.DisposeAsync();

        _database = new JournalDatabase(_folder.FullName);
        Assert.Equal(50, Notes().Count);
    }

    [Fact]
    public async Task Running_read_survives_the_closing()
    {
        using var entered = new ManualResetEventSlim();
        using var closed = new ManualResetEventSlim();
        await NoteAsync("there");
        var read = Task.Run(() => _database.Read(db =>
        {
            entered.Set();
            closed.Wait(Patience);
            return db.Query("SELECT text FROM notes", r => r.GetString(0));
        }));
        Assert.True(entered.Wait(Patience, TestContext.Current.CancellationToken));
        await _database.DisposeAsync();
        closed.Set();
        Assert.Equal(["there"], await read);
    }

    [Fact]
    public async Task Journal_of_a_newer_version_is_refused_and_left_unchanged()
    {
        await NoteAsync("precious");
        await _database.WriteAsync(db => db.Execute("PRAGMA user_version = 999"));
        await _database.DisposeAsync();
        var refusal = Assert.Throws<JournalException>(() => new JournalDatabase(_folder.FullName));
        Assert.Contains("newer version", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("999", refusal.Message, StringComparison.Ordinal);
        // The lock is released too, so that the newer host can start at once.
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, "journal.db")};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version = 1";
        command.ExecuteNonQuery();
        connection.Close();
        _database = new JournalDatabase(_folder.FullName);
        Assert.Equal(["precious"], Notes());
    }

    private Task<int> NoteAsync(string text) => _database.WriteAsync(db => db.Execute("INSERT INTO notes (text) VALUES ($1)", text));

    private List<string> Notes() => _database.Read(db => db.Query("SELECT text FROM notes ORDER BY place", r => r.GetString(0)));

    /// <summary>Submits writes while the writer is busy with another one, so that they all wait together.</summary>
    private async Task<List<Task<T>>> TogetherAsync<T>(int count, Func<Statements, int, T> write)
    {
        using var entered = new SemaphoreSlim(0);
        using var all = new ManualResetEventSlim();
        var busy = _database.WriteAsync(_ =>
        {
            entered.Release();
            return all.Wait(Patience);
        });
        await entered.WaitAsync(TestContext.Current.CancellationToken);
        var writes = Enumerable.Range(0, count).Select(i => _database.WriteAsync(db => write(db, i))).ToList();
        all.Set();
        Assert.True(await busy);
        return writes;
    }
}
