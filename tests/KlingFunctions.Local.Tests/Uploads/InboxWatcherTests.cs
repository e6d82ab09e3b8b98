using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Uploads;

/// <summary>Files in the inbox may be incomplete, locked, deleted meanwhile, or hostile.</summary>
public sealed class InboxWatcherTests : IDisposable
{
    private const string Request = """{"prompt": "A tree"}""";

    private const string Recipe = """{"prompt": "@Image1 turns", "image_urls": ["$asset"]}""";

    private static readonly byte[] Image = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private readonly FakeTimeProvider _time = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-inbox-");
    private readonly DirectoryInfo _outside = Directory.CreateTempSubdirectory("kling-outside-");
    private readonly RecordedJobs _jobs = new();
    private readonly Lines<InboxWatcher> _log = new(LogLevel.Warning);
    private readonly Lines<UploadIntake> _strays = new(LogLevel.Information);
    private readonly InboxFolder _inbox;
    private InboxWatcher _watcher;

    public InboxWatcherTests()
    {
        _inbox = new InboxFolder(Options.Create(new LocalOptions { DataDirectory = _folder.FullName }));
        Directory.CreateDirectory(_inbox.Root);
        _watcher = Watcher();
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _folder.Delete(recursive: true);
        _outside.Delete(recursive: true);
    }

    [Fact]
    public async Task File_is_read_when_it_is_no_longer_being_written()
    {
        for (var length = 1; length < Request.Length; length += 5)
        {
            Put("a.json", Request[..length]);
            await ScanAsync();
            Assert.Empty(_jobs.Uploads);
        }
        Put("a.json", Request);
        await ScanAsync();
        Assert.Empty(_jobs.Uploads);
        await ScanAsync();
        Assert.Equal(["a.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task Locked_file_is_logged_once_delays_no_other_and_is_read_when_free()
    {
        Put("a.json", Request);
        Put("b.json", Request);
        Put("c.json", Request);
        using (new FileStream(PathOf("b.json"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            await ScanAsync(5);
            Assert.Equal(["a.json", "c.json"], _jobs.Uploads.Order(StringComparer.Ordinal));
        }
        Assert.Single(_log.Said, line => line.Contains("b.json", StringComparison.Ordinal) && !line.Contains("is job", StringComparison.Ordinal));
        await ScanAsync();
        Assert.Contains("b.json", _jobs.Uploads);
    }

    [Fact]
    public async Task Failing_journal_does_not_end_the_watch()
    {
        Put("a.json", Request);
        _jobs.Starting = _ => throw new InvalidOperationException("the disk is full");
        await ScanAsync(3);
        _jobs.Starting = null;
        await ScanAsync();
        Assert.Equal(["a.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task File_deleted_before_it_is_read_is_no_fault()
    {
        Put("a.json", Request);
        Put("b.json", Request);
        Put("c.json", Request);
        _jobs.Starting = _ => File.Delete(PathOf("b.json"));
        await ScanAsync(3);
        Assert.Equal(["a.json", "c.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task Image_waits_for_its_recipe_across_a_restart_too()
    {
        Put("spin/one.png", Image);
        await ScanAsync(3);
        Assert.Empty(_jobs.Uploads);
        Put("spin/_recipe.json", Recipe);
        await ScanAsync();
        Assert.Equal(["spin/one.png"], _jobs.Uploads);
    }

    [Fact]
    public async Task Link_out_of_the_inbox_is_not_followed_served_or_written_through()
    {
        File.WriteAllText(Path.Combine(_outside.FullName, "secret.json"), Request);
        File.WriteAllText(Path.Combine(_outside.FullName, "secret.png"), "an image");
        File.CreateSymbolicLink(PathOf("file.json"), Path.Combine(_outside.FullName, "secret.json"));
        File.CreateSymbolicLink(PathOf("file.png"), Path.Combine(_outside.FullName, "secret.png"));
        Directory.CreateSymbolicLink(PathOf("folder"), _outside.FullName);
        Directory.CreateSymbolicLink(PathOf("loop"), _inbox.Root);
        Put("bad.json", "no JSON");
        File.CreateSymbolicLink(PathOf("bad.error.json"), Path.Combine(_outside.FullName, "secret.json"));

        await ScanAsync(3);
        Assert.Empty(_jobs.Uploads);
        foreach (var path in new[] { "file.json", "file.png", "folder/secret.png", "loop/bad.json", "../journal.db", "no/such.png" })
            Assert.Null(_inbox.PathOf(path));
        Assert.NotNull(_inbox.PathOf("bad.json"));
        Assert.Equal(Request, File.ReadAllText(Path.Combine(_outside.FullName, "secret.json")));
    }

    [Fact]
    public async Task Thousands_of_files_start_one_job_each()
    {
        for (var i = 0; i < 2000; i++) Put($"{i % 50}/{i}.json", Request);
        await ScanAsync(4);
        Assert.Equal(2000, _jobs.Uploads.Count);
        Assert.Equal(2000, _jobs.Uploads.Distinct().Count());
    }

    [Fact]
    public async Task Image_that_arrives_in_parts_is_one_job_however_long_it_pauses()
    {
        Put("spin/_recipe.json", Recipe);
        for (var length = 0; length < Image.Length; length += 13)
        {
            Put("spin/one.png", Image[..length]);
            await ScanAsync(3);
            _time.Advance(InboxWatcher.QuietTime * 2);
            await ScanAsync();
        }
        Assert.Empty(_jobs.Uploads);
        Put("spin/one.png", Image);
        await ScanAsync(3);
        Assert.Equal(["spin/one.png"], _jobs.Uploads);
        Assert.False(File.Exists(PathOf("spin/one.png.error.json")));
    }

    [Theory]
    [InlineData("spin/one.png")]
    [InlineData("walk.json")]
    public async Task File_that_stays_incomplete_is_reported_after_a_pause(string path)
    {
        Put("spin/_recipe.json", Recipe);
        Put(path, path == "walk.json" ? Encoding.UTF8.GetBytes(Request[..^3]) : Image[..^3]);
        await ScanAsync(3);
        _time.Advance(InboxWatcher.QuietTime / 2);
        await ScanAsync(3);
        var report = PathOf(Upload.ErrorReportPath(path));
        Assert.False(File.Exists(report));
        _time.Advance(InboxWatcher.QuietTime / 2);
        await ScanAsync();
        Assert.True(File.Exists(report));
        // The report is not written repeatedly.
        File.SetLastWriteTimeUtc(report, DateTime.UnixEpoch);
        _time.Advance(TimeSpan.FromHours(1));
        await ScanAsync(5);
        Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(report));
        Assert.Empty(_jobs.Uploads);
    }

    [Fact]
    public async Task Touched_or_copied_file_is_the_same_upload()
    {
        Put("a.json", Request);
        Put("spin/_recipe.json", Recipe);
        Put("spin/one.png", Image);
        await ScanAsync(2);
        foreach (var path in new[] { "a.json", "spin/one.png" })
        {
            File.SetLastWriteTimeUtc(PathOf(path), DateTime.UtcNow.AddDays(1));
            await ScanAsync(2);
            File.Move(PathOf(path), PathOf("aside"));
            await ScanAsync(2);
            File.Copy(PathOf("aside"), PathOf(path));
            File.Delete(PathOf("aside"));
            await ScanAsync(2);
        }
        Assert.Equal(2, _jobs.Uploads.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Full_inbox_starts_nothing_when_the_journal_is_lost(bool touched)
    {
        Put("a.json", Request);
        Put("spin/_recipe.json", Recipe);
        Put("spin/one.png", Image);
        await ScanAsync(2);
        _jobs.Lose();
        _watcher.Dispose();
        _watcher = Watcher();
        if (touched) foreach (var path in new[] { "a.json", "spin/one.png" }) File.SetLastWriteTimeUtc(PathOf(path), DateTime.UtcNow.AddDays(1));
        await ScanAsync(3);
        Assert.Equal(2, _jobs.Uploads.Count);
        File.Move(PathOf("a.json"), PathOf("b.json"));
        await ScanAsync(2);
        Assert.Equal(3, _jobs.Uploads.Count);
    }

    [Fact]
    public async Task Inbox_that_was_unmounted_starts_nothing_again()
    {
        Put("a.json", Request);
        await ScanAsync(2);
        Directory.Move(_inbox.Root, _inbox.Root + "-away");
        await ScanAsync(3);
        Assert.False(Directory.Exists(_inbox.Root));
        Assert.Single(_log.Said, line => line.Contains("is missing", StringComparison.Ordinal));
        Directory.CreateDirectory(_inbox.Root);
        _jobs.Lose();
        await ScanAsync(3);
        Directory.Delete(_inbox.Root);
        Directory.Move(_inbox.Root + "-away", _inbox.Root);
        await ScanAsync(3);
        Assert.Single(_jobs.Uploads);
    }

    [Theory]
    [InlineData(".Trash-1000/files")]
    [InlineData(".stversions")]
    [InlineData("deep/.snapshot/hourly.0")]
    [InlineData("@eaDir")]
    [InlineData("#recycle/spin")]
    [InlineData("lost+found")]
    public async Task Done_folder_in_the_trash_of_a_system_starts_nothing(string trash)
    {
        Put("spin/a.json", Request);
        Put("spin/_recipe.json", Recipe);
        Put("spin/one.png", Image);
        await ScanAsync(2);
        Directory.CreateDirectory(PathOf(trash));
        Directory.Move(PathOf("spin"), PathOf($"{trash}/moved"));
        await ScanAsync(3);
        Assert.Equal(2, _jobs.Uploads.Count);
    }

    [Fact]
    public async Task Fault_in_an_upload_with_a_long_name_is_reported_beside_it()
    {
        var name = $"{new string('n', 250)}.json";
        Put(name, "{}");
        await ScanAsync(3);
        Assert.Single(Directory.GetFiles(_inbox.Root, "*.error.json"));
        Assert.Empty(_log.Said);
    }

    [Fact]
    public async Task Upload_that_can_not_be_reported_is_retried_and_logged_once()
    {
        Put("a.json", "{}");
        // A folder is in the place of the report.
        Directory.CreateDirectory(PathOf("a.error.json/full"));
        var tries = 0;
        _jobs.Getting = () => tries++;
        for (var second = 0; second < 3_600; second++)
        {
            await ScanAsync();
            _time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.InRange(tries, 20, 60);
        Assert.Single(_log.Said, line => line.Contains("a.json", StringComparison.Ordinal));
        Directory.Delete(PathOf("a.error.json"), recursive: true);
        _time.Advance(TimeSpan.FromMinutes(5));
        await ScanAsync();
        Assert.True(File.Exists(PathOf("a.error.json")));
    }

    [Fact]
    public async Task Report_is_deleted_with_its_upload()
    {
        Put("a.json", "{}");
        Put("b.json", "{}");
        Put("c.error.json", """{"of": "somebody else"}""");
        await ScanAsync(3);
        Assert.True(File.Exists(PathOf("a.error.json")));
        File.Delete(PathOf("a.json"));
        await ScanAsync(3);
        Assert.Equal(["b.error.json", "c.error.json"], Directory.GetFiles(_inbox.Root, "*.error.json").Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Image_starts_when_its_bad_recipe_is_corrected()
    {
        Put("spin/one.png", Image);
        Put("spin/_Recipe.json", """{"prompt": "no place"}""");
        await ScanAsync(3);
        Assert.True(File.Exists(PathOf("spin/one.png.error.json")));
        Put("spin/_Recipe.json", Recipe);
        await ScanAsync(3);
        Assert.Equal(["spin/one.png"], _jobs.Uploads);
        Assert.False(File.Exists(PathOf("spin/one.png.error.json")));
    }

    [Fact]
    public async Task Unused_file_is_logged_once()
    {
        Put("notes.txt", "hello");
        Put("lone.png", Image);
        Put(".hidden", "hello");
        for (var i = 0; i < 5; i++)
        {
            await ScanAsync();
            _time.Advance(TimeSpan.FromMinutes(10));
        }
        Assert.Single(_strays.Said, line => line.Contains("notes.txt", StringComparison.Ordinal));
        Assert.Single(_strays.Said, line => line.Contains("lone.png", StringComparison.Ordinal));
        Assert.Equal(2, _strays.Said.Count);
    }

    [Fact]
    public async Task Name_that_is_not_UTF_8_is_reported()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems have no such names.");
        Put("a.json", Request);
        await ShellAsync("""cp "$1/a.json" "$1/$(printf 'b\377d').json" && mkdir "$1/$(printf 'c\376')" """);
        await ScanAsync(5);
        Assert.Equal(["a.json"], _jobs.Uploads);
        Assert.Equal(2, _log.Said.Count(line => line.Contains("not valid UTF-8", StringComparison.Ordinal)));
        Assert.Equal(2, Directory.GetFiles(_inbox.Root, "*.error.json").Length);
        await ShellAsync("""rm -r "$1/$(printf 'b\377d').json" "$1/$(printf 'c\376')" """);
        await ScanAsync(3);
        Assert.Empty(Directory.GetFiles(_inbox.Root, "*.error.json"));
    }

    // .NET can't create, open or delete files with such names.
    private async Task ShellAsync(string script)
    {
        using var shell = Process.Start("sh", ["-c", script, "sh", _inbox.Root]);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, shell.ExitCode);
    }

    private InboxWatcher Watcher()
    {
        var intake = UploadIntakes.Over(_inbox, _jobs, Options.Create(new PipelineOptions()), _time, _strays);
        return new(_inbox, intake, new ListenAddress(new OneAddress(), null!, Options.Create(new PublicOptions())), _time, _log);
    }

    private async Task ScanAsync(int times = 1)
    {
        for (var i = 0; i < times; i++) await _watcher.ScanAsync(TestContext.Current.CancellationToken);
    }

    private string PathOf(string path) => Path.Combine(_inbox.Root, path);

    private void Put(string path, string text) => Put(path, Encoding.UTF8.GetBytes(text));

    private void Put(string path, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        File.WriteAllBytes(PathOf(path), bytes);
    }

    private sealed class Lines<T>(LogLevel least) : ILogger<T>
    {
        public ConcurrentQueue<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= least) Said.Enqueue(formatter(state, exception));
        }
    }
}
