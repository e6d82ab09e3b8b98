using System.Buffers.Binary;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Tests.Cli;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// A host that is started on a faulty folder: it refuses in one sentence and changes nothing, so that all data is there once the fault is
/// fixed.
/// </summary>
public sealed class DataFolderTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("kling-folder-");

    private string Data => Path.Combine(_root.FullName, "data");

    private string Journal => Path.Combine(Data, "journal.db");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task File_in_the_place_of_the_folder_is_named()
    {
        await File.WriteAllTextAsync(Data, "precious", Cancel);
        await RefusedAsync(Data, "is a file");
        await RefusedAsync(Path.Combine(Data, "below"), $"'{Data}' is a file");
        Assert.Equal("precious", await File.ReadAllTextAsync(Data, Cancel));
    }

    [Fact]
    public async Task Read_only_folder_is_refused_until_it_is_writable()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess) Assert.Skip("Rights do not bind this user.");
        await StoreAsync("precious");
        SetRights(UnixFileMode.UserRead | UnixFileMode.UserExecute, UnixFileMode.UserRead);
        try
        {
            await RefusedAsync(Data, "may write");
        }
        finally
        {
            SetRights(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        Assert.Equal(["precious"], await KeptAsync());

        void SetRights(UnixFileMode folder, UnixFileMode file)
        {
            if (OperatingSystem.IsWindows()) return;
            File.SetUnixFileMode(Journal, file);
            File.SetUnixFileMode(Path.Combine(Data, "journal.lock"), file);
            File.SetUnixFileMode(Data, folder);
        }
    }

    [Theory]
    [InlineData(SqliteError.Full, "free some space")]
    [InlineData(SqliteError.ReadOnly, "right to write")]
    [InlineData(SqliteError.CantOpen, "right to write")]
    [InlineData(SqliteError.Busy, "another program")]
    [InlineData(SqliteError.IO, "disk")]
    [InlineData(SqliteError.Corrupt, "backup")]
    [InlineData(SqliteError.NotADatabase, "not a journal")]
    public void Each_SQLite_error_has_its_own_sentence(SqliteError error, string remedy)
    {
        Assert.True(JournalFaults.TryExplain(new SqliteException("said", (int)error), Journal, out var fault));
        Assert.Contains(remedy, fault.Message, StringComparison.Ordinal);
        Assert.Contains(Journal, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("an SQLite header and nothing else")]
    public async Task File_that_is_not_a_journal_is_left_unchanged(string kind)
    {
        Directory.CreateDirectory(Data);
        var content = kind is "text" ? new string('x', 5000) : "SQLite format 3\0" + new string('x', 5000);
        await File.WriteAllTextAsync(Journal, content, Cancel);
        await RefusedAsync(Data, Journal);
        Assert.Equal(content, await File.ReadAllTextAsync(Journal, Cancel));
    }

    [Fact]
    public async Task Database_of_another_program_is_left_unchanged()
    {
        Directory.CreateDirectory(Data);
        Run("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('precious')");
        var content = await File.ReadAllBytesAsync(Journal, Cancel);
        await RefusedAsync(Data, "another program");
        Assert.Equal(content, await File.ReadAllBytesAsync(Journal, Cancel));
    }

    [Fact]
    public async Task Journal_of_a_newer_version_is_refused()
    {
        await StoreAsync("precious");
        Run("PRAGMA user_version = 999");
        await RefusedAsync(Data, "newer version");
        Run($"PRAGMA user_version = {JournalSchema.Version}");
        Assert.Equal(["precious"], await KeptAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Damaged_journal_is_refused_before_anything_is_paid(int seed)
    {
        var whole = await ManyAsync();
        var damaged = whole.ToArray();
        // Pages of tables: damage in free space is harmless.
        new Random(seed).NextBytes(damaged.AsSpan(damaged.Length / 4, damaged.Length / 2));
        await File.WriteAllBytesAsync(Journal, damaged, Cancel);
        await RefusedAsync(Data, "damaged");
        Assert.Equal(damaged, await File.ReadAllBytesAsync(Journal, Cancel));

        await File.WriteAllBytesAsync(Journal, whole, Cancel);
        Assert.Equal(Many, (await KeptAsync()).Count);
    }

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.5)]
    [InlineData(0.01)]
    public async Task Truncated_journal_is_refused(double left)
    {
        var whole = await ManyAsync();
        await File.WriteAllBytesAsync(Journal, whole[..(int)(whole.Length * left)], Cancel);
        await RefusedAsync(Data, Journal);
        await File.WriteAllBytesAsync(Journal, whole, Cancel);
        Assert.Equal(Many, (await KeptAsync()).Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Missing_or_empty_journal_beside_its_WAL_is_refused(bool isThere)
    {
        var (file, wal) = await KilledAsync();
        if (isThere) await File.WriteAllBytesAsync(Journal, [], Cancel);
        await File.WriteAllBytesAsync(Journal + "-wal", wal, Cancel);
        await RefusedAsync(Data, "-wal");
        Assert.Equal(wal, await File.ReadAllBytesAsync(Journal + "-wal", Cancel));

        await File.WriteAllBytesAsync(Journal, file, Cancel);
        Assert.Equal(Many, (await KeptAsync()).Count);
    }

    [Fact]
    public async Task Empty_journal_of_a_killed_first_start_is_created_again()
    {
        Directory.CreateDirectory(Data);
        await File.WriteAllBytesAsync(Journal, [], Cancel);
        Assert.Empty(await KeptAsync());
    }

    [Theory]
    [InlineData(0.999)]
    [InlineData(0.5)]
    [InlineData(0.1)]
    public async Task Torn_WAL_keeps_all_commits_before_the_tear(double left)
    {
        var (file, wal) = await KilledAsync();
        await File.WriteAllBytesAsync(Journal, file, Cancel);
        await File.WriteAllBytesAsync(Journal + "-wal", wal[..(int)(wal.Length * left)], Cancel);
        var kept = await KeptAsync();
        Assert.Equal(Enumerable.Range(0, kept.Count).Select(Name), kept);
        // The journal is also writable.
        await StoreAsync("after");
        Assert.Equal(kept.Count + 1, (await KeptAsync()).Count);
    }

    [Theory]
    [InlineData("the same")]
    [InlineData("a slash at the end")]
    [InlineData("a detour")]
    [InlineData("relative")]
    [InlineData("a link")]
    public async Task Second_host_on_the_folder_is_refused_however_its_path_is_written(string spelling)
    {
        if (spelling is "a link" && OperatingSystem.IsWindows()) Assert.Skip("Links need a right there.");
        await using var first = new JournalDatabase(Data);
        var spelt = spelling switch
        {
            "a slash at the end" => Data + Path.DirectorySeparatorChar,
            "a detour" => Path.Combine(_root.FullName, "data", "..", "data"),
            "relative" => Path.GetRelativePath(Environment.CurrentDirectory, Data),
            "a link" => Directory.CreateSymbolicLink(Path.Combine(_root.FullName, "link"), Data).FullName,
            _ => Data,
        };
        await RefusedAsync(spelt, "Another host is running");
        await first.DisposeAsync();
        Assert.Empty(await KeptAsync());
    }

    private const int Many = 400;

    private static string Name(int i) => $"sub_{i:d5}";

    private static async Task RefusedAsync(string data, string named)
    {
        var called = await Called.WithAsync("serve", "--urls", "http://127.0.0.1:0", "--data", data, "--RunComfy:ApiToken", "t0ken");
        var sentence = Assert.Single(called.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(named, sentence, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Configuration, called.ExitCode);
        Assert.Empty(called.Out);
    }

    private async Task StoreAsync(string id)
    {
        await using var database = new JournalDatabase(Data);
        await StoreAsync(database, id);
    }

    private static Task<int> StoreAsync(JournalDatabase database, string id) =>
        database.WriteAsync(db => db.Execute("INSERT INTO documents (name, version, text) VALUES ($1, '1', $2)", id, new string('v', 500)));

    private async Task<List<string>> KeptAsync()
    {
        await using var database = new JournalDatabase(Data);
        return database.Read(db => db.Query("SELECT name FROM documents ORDER BY name", r => r.GetString(0)));
    }

    /// <summary>A journal with enough rows that its middle is tables; returns its bytes.</summary>
    private async Task<byte[]> ManyAsync()
    {
        await using (var database = new JournalDatabase(Data))
        {
            for (var i = 0; i < Many; i++) await StoreAsync(database, Name(i));
        }
        return await File.ReadAllBytesAsync(Journal, Cancel);
    }

    /// <summary>The files of a killed host, with all its commits in the -wal file; the folder is empty afterwards.</summary>
    private async Task<(byte[] File, byte[] Wal)> KilledAsync()
    {
        byte[] file, wal;
        await using (var database = new JournalDatabase(Data))
        {
            await database.WriteAsync(db => db.Query("PRAGMA wal_autocheckpoint = 0", r => r.GetInt32(0)));
            for (var i = 0; i < Many; i++) await StoreAsync(database, Name(i));
            (file, wal) = (await SharedAsync(Journal), await SharedAsync(Journal + "-wal"));
        }
        Directory.Delete(Data, recursive: true);
        Directory.CreateDirectory(Data);
        // The first write of a new journal goes to the file itself, and switches it to WAL mode.
        Assert.Equal(2, BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(18, 2)) >> 8);
        return (file, wal);
    }

    private static async Task<byte[]> SharedAsync(string path)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes, Cancel);
        return bytes;
    }

    private void Run(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Journal};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>SQLite's result codes, https://www.sqlite.org/rescode.html.</summary>
    public enum SqliteError
    {
        Busy = 5,
        ReadOnly = 8,
        IO = 10,
        Corrupt = 11,
        Full = 13,
        CantOpen = 14,
        NotADatabase = 26,
    }
}
