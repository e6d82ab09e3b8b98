using System.Buffers.Binary;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Tests.Cli;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// A host that is started on a folder with something wrong with it: it refuses in one sentence, and changes nothing, so that all is there
/// once it is put right.
/// </summary>
public sealed class DataFolderTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("kling-folder-");

    private string Data => Path.Combine(_root.FullName, "data");

    private string Journal => Path.Combine(Data, "journal.db");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task A_file_in_the_place_of_the_folder_is_named()
    {
        await File.WriteAllTextAsync(Data, "precious", Cancel);
        await RefusedAsync(Data, "is a file");
        await RefusedAsync(Path.Combine(Data, "below"), $"'{Data}' is a file");
        Assert.Equal("precious", await File.ReadAllTextAsync(Data, Cancel));
    }

    [Fact]
    public async Task A_folder_that_may_not_be_written_is_refused_and_its_journal_goes_on_when_it_may()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess) Assert.Skip("Rights do not bind this user.");
        await KeepAsync("precious");
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
    [InlineData(SqliteError.Full, "room")]
    [InlineData(SqliteError.ReadOnly, "right to write")]
    [InlineData(SqliteError.CantOpen, "right to write")]
    [InlineData(SqliteError.Busy, "another program")]
    [InlineData(SqliteError.IO, "disk")]
    [InlineData(SqliteError.Corrupt, "backup")]
    [InlineData(SqliteError.NotADatabase, "no journal")]
    public void Whatever_SQLite_says_of_the_file_has_its_own_sentence(SqliteError error, string remedy)
    {
        Assert.True(JournalFaults.TryTell(new SqliteException("said", (int)error), Journal, out var told));
        Assert.Contains(remedy, told.Message, StringComparison.Ordinal);
        Assert.Contains(Journal, told.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("an SQLite header and nothing else")]
    public async Task A_file_that_is_no_journal_is_left_as_it_is(string kind)
    {
        Directory.CreateDirectory(Data);
        var content = kind is "text" ? new string('x', 5000) : "SQLite format 3\0" + new string('x', 5000);
        await File.WriteAllTextAsync(Journal, content, Cancel);
        await RefusedAsync(Data, Journal);
        Assert.Equal(content, await File.ReadAllTextAsync(Journal, Cancel));
    }

    [Fact]
    public async Task A_database_of_another_program_is_left_as_it_is()
    {
        Directory.CreateDirectory(Data);
        Run("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('precious')");
        var content = await File.ReadAllBytesAsync(Journal, Cancel);
        await RefusedAsync(Data, "another program");
        Assert.Equal(content, await File.ReadAllBytesAsync(Journal, Cancel));
    }

    [Fact]
    public async Task A_journal_of_a_newer_version_is_refused()
    {
        await KeepAsync("precious");
        Run("PRAGMA user_version = 999");
        await RefusedAsync(Data, "newer version");
        Run($"PRAGMA user_version = {JournalSchema.Version}");
        Assert.Equal(["precious"], await KeptAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_journal_with_random_bytes_in_its_middle_is_refused_before_anything_is_paid_from_it(int seed)
    {
        var whole = await ManyAsync();
        var damaged = whole.ToArray();
        // Pages of the tables, not of free space: bytes that nobody reads harm nobody.
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
    public async Task A_journal_that_was_cut_short_is_refused(double left)
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
    public async Task A_journal_that_is_gone_or_empty_beside_its_wal_is_refused_so_that_the_wal_is_not_thrown_away(bool isThere)
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
    public async Task An_empty_journal_is_what_a_first_start_that_was_killed_leaves_and_is_begun_anew()
    {
        Directory.CreateDirectory(Data);
        await File.WriteAllBytesAsync(Journal, [], Cancel);
        Assert.Empty(await KeptAsync());
    }

    [Theory]
    [InlineData(0.999)]
    [InlineData(0.5)]
    [InlineData(0.1)]
    public async Task Of_a_wal_that_is_torn_all_commits_before_the_tear_are_there(double left)
    {
        var (file, wal) = await KilledAsync();
        await File.WriteAllBytesAsync(Journal, file, Cancel);
        await File.WriteAllBytesAsync(Journal + "-wal", wal[..(int)(wal.Length * left)], Cancel);
        var kept = await KeptAsync();
        Assert.Equal(Enumerable.Range(0, kept.Count).Select(Name), kept);
        // And it is a journal that can be gone on with.
        await KeepAsync("after");
        Assert.Equal(kept.Count + 1, (await KeptAsync()).Count);
    }

    [Theory]
    [InlineData("the same")]
    [InlineData("a slash at the end")]
    [InlineData("a detour")]
    [InlineData("relative")]
    [InlineData("a link")]
    public async Task A_second_host_on_the_folder_is_refused_however_it_is_spelt(string spelling)
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

    private async Task KeepAsync(string id)
    {
        await using var database = new JournalDatabase(Data);
        await KeepAsync(database, id);
    }

    private static Task<int> KeepAsync(JournalDatabase database, string id) =>
        database.WriteAsync(db => db.Execute("INSERT INTO documents (name, version, text) VALUES ($1, '1', $2)", id, new string('v', 500)));

    private async Task<List<string>> KeptAsync()
    {
        await using var database = new JournalDatabase(Data);
        return database.Read(db => db.Query("SELECT name FROM documents ORDER BY name", r => r.GetString(0)));
    }

    /// <summary>A journal with so much in it that its middle is tables; its bytes.</summary>
    private async Task<byte[]> ManyAsync()
    {
        await using (var database = new JournalDatabase(Data))
        {
            for (var i = 0; i < Many; i++) await KeepAsync(database, Name(i));
        }
        return await File.ReadAllBytesAsync(Journal, Cancel);
    }

    /// <summary>What a host leaves that was killed with all its commits in the -wal; the folder is empty afterwards.</summary>
    private async Task<(byte[] File, byte[] Wal)> KilledAsync()
    {
        byte[] file, wal;
        await using (var database = new JournalDatabase(Data))
        {
            await database.WriteAsync(db => db.Query("PRAGMA wal_autocheckpoint = 0", r => r.GetInt32(0)));
            for (var i = 0; i < Many; i++) await KeepAsync(database, Name(i));
            (file, wal) = (await SharedAsync(Journal), await SharedAsync(Journal + "-wal"));
        }
        Directory.Delete(Data, recursive: true);
        Directory.CreateDirectory(Data);
        // The first write of a journal's life goes to the file itself, and makes it one that has a -wal.
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
