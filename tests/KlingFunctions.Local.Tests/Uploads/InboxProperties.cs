using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Uploads;

/// <summary>Each content under each path is paid at most once, in any order of changes to inbox, journal and host.</summary>
public sealed class InboxProperties
{
    private static readonly string[] Paths = ["a.json", "b.json", "spin/one.png", "spin/two.png"];

    private static readonly string[] Trash = [".Trash-1000/files", "spin/.stversions", "@eaDir", "lost+found"];

    private static readonly Gen<Event> Events = Gen.Frequency(
        (6, from path in Gen.Elements(Paths) from content in Gen.Choose(0, 1) from cut in Gen.Choose(1, 40) select (Event)new Event.Arrives(path, content, cut)),
        (2, Gen.Elements(Paths).Select(Event (path) => new Event.IsTouched(path))),
        (2, Gen.Elements(Paths).Two().Select(Event (two) => new Event.IsCopied(two.Item1, two.Item2))),
        (2, Gen.Elements(Paths).Two().Select(Event (two) => new Event.IsRenamed(two.Item1, two.Item2))),
        (2, Gen.Elements(Paths).Zip(Gen.Elements(Trash), Event (path, trash) => new Event.IsTrashed(path, trash))),
        (1, Gen.Constant<Event>(new Event.KeepForPasses())),
        (1, Gen.Constant<Event>(new Event.JournalIsSaved())),
        (2, Gen.Constant<Event>(new Event.JournalIsRestored())),
        (2, Gen.Constant<Event>(new Event.HostRestarts())),
        (1, Gen.Constant<Event>(new Event.InboxIsAway())));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Each_content_under_each_path_is_paid_at_most_once() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Events.ListOf().Resize(25).ToArbitrary(), async events =>
        {
            using var run = new Run();
            foreach (var change in events) await run.ApplyAsync(change);
            await run.SettleAsync();
            var started = run.Started;
            Assert.Equal(started.Distinct(), started);
            // Only complete files start jobs, and each existing one does.
            Assert.Subset(run.EverWhole, started.ToHashSet());
            Assert.Superset(run.Present(), started.ToHashSet());
        }));

    private static byte[] Content(string path, int number) => path.EndsWith(".json", StringComparison.Ordinal)
        ? Encoding.UTF8.GetBytes($$"""{"prompt": "A tree, and {{number}} more of them"}""")
        : Png(number);

    // One pixel, followed by a different comment for each number.
    private static byte[] Png(int number)
    {
        var png = Convert.FromBase64String(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");
        return [.. png[..^12], 0, 0, 0, 1, .. "tEXt"u8, (byte)number, 0, 0, 0, 0, .. png[^12..]];
    }

    private static string IdOf(string path, byte[] content) => Upload.JobId(path, Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>A change to the inbox, the journal or the host.</summary>
    private abstract record Event
    {
        /// <summary>A file arrives in two parts, with a pause between them.</summary>
        internal sealed record Arrives(string Path, int Content, int CutAt) : Event;

        internal sealed record IsTouched(string Path) : Event;

        internal sealed record IsCopied(string From, string To) : Event;

        internal sealed record IsRenamed(string From, string To) : Event;

        internal sealed record IsTrashed(string Path, string Trash) : Event;

        internal sealed record KeepForPasses : Event;

        internal sealed record JournalIsSaved : Event;

        internal sealed record JournalIsRestored : Event;

        internal sealed record HostRestarts : Event;

        internal sealed record InboxIsAway : Event;
    }

    private sealed class Run : IDisposable
    {
        private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-inbox-");
        private readonly RecordedJobs _jobs = new();
        private readonly IOptions<PipelineOptions> _options = Options.Create(new PipelineOptions());
        private InboxFolder _inbox = null!;
        private InboxWatcher _watcher = null!;
        private IReadOnlyDictionary<string, VideoJob> _saved = new Dictionary<string, VideoJob>();
        private int _touches;

        public Run()
        {
            Start();
            Directory.CreateDirectory(_inbox.Root);
            Write("spin/_recipe.json", """{"prompt": "@Image1 turns", "image_urls": ["$asset"]}"""u8.ToArray());
        }

        public HashSet<string> EverWhole { get; } = [];

        public IReadOnlyList<string> Started => [.. _jobs.Started.Select(job => job.Id)];

        public HashSet<string> Present() => [.. Paths.Where(path => File.Exists(Full(path))).Select(path => IdOf(path, File.ReadAllBytes(Full(path))))];

        public async Task SettleAsync()
        {
            await ScanAsync(3);
            _time.Advance(TimeSpan.FromMinutes(10));
            await ScanAsync(3);
        }

        public async Task ApplyAsync(Event change)
        {
            switch (change)
            {
                case Event.Arrives(var path, var number, var cut):
                    var content = Content(path, number);
                    Write(path, content[..^cut]);
                    await ScanAsync(3);
                    if (cut % 3 == 0) _time.Advance(TimeSpan.FromHours(1));
                    await ScanAsync(1);
                    Write(path, content);
                    EverWhole.Add(IdOf(path, content));
                    break;
                case Event.IsTouched(var path) when File.Exists(Full(path)):
                    File.SetLastWriteTimeUtc(Full(path), DateTime.UnixEpoch.AddMinutes(++_touches));
                    break;
                case Event.IsCopied(var from, var to) when CanMove(from, to):
                    Moved(from, to);
                    File.Copy(Full(from), Full(to), overwrite: true);
                    break;
                case Event.IsRenamed(var from, var to) when CanMove(from, to):
                    Moved(from, to);
                    File.Move(Full(from), Full(to), overwrite: true);
                    break;
                case Event.IsTrashed(var path, var trash) when File.Exists(Full(path)):
                    Directory.CreateDirectory(Full(trash));
                    File.Move(Full(path), Path.Combine(Full(trash), Path.GetFileName(path)), overwrite: true);
                    break;
                case Event.KeepForPasses:
                    _time.Advance(_options.Value.KeepFor + TimeSpan.FromDays(1));
                    await ForgetAsync();
                    break;
                case Event.JournalIsSaved:
                    _saved = _jobs.Backup();
                    break;
                case Event.JournalIsRestored:
                    _jobs.Restore(_saved);
                    Start();
                    break;
                case Event.HostRestarts:
                    Start();
                    break;
                case Event.InboxIsAway:
                    Directory.Move(_inbox.Root, _inbox.Root + "-away");
                    await ScanAsync(2);
                    Directory.CreateDirectory(_inbox.Root);
                    _time.Advance(_options.Value.KeepFor + TimeSpan.FromDays(1));
                    await ForgetAsync();
                    await ScanAsync(2);
                    Directory.Delete(_inbox.Root);
                    Directory.Move(_inbox.Root + "-away", _inbox.Root);
                    break;
                default:
                    break;
            }
            await ScanAsync(2);
        }

        public void Dispose()
        {
            _watcher.Dispose();
            _folder.Delete(recursive: true);
        }

        private void Start()
        {
            _watcher?.Dispose();
            _inbox = new InboxFolder(Options.Create(new LocalOptions { DataDirectory = _folder.FullName }));
            var intake = UploadIntakes.Over(_inbox, _jobs, _options, _time, NullLogger<UploadIntake>.Instance);
            _watcher = new(
                _inbox, intake, new ListenAddress(new OneAddress(), null!, Options.Create(new PublicOptions())), _time, NullLogger<InboxWatcher>.Instance);
        }

        private async Task ForgetAsync()
        {
            var (ledger, documents, retention) = (new NoLedger(), new InMemoryDocuments(), new Retention(_options, _time));
            using var quota = new Quota(documents, _time);
            var places = new StalePlaces(quota, new(quota, _jobs, _options, NullLogger<HandOver>.Instance), _jobs, ledger, retention, _options, _time);
            var letters = new DeadLetters(documents, NullLogger<DeadLetters>.Instance);
            await new OldJobs(_jobs, ledger, places, letters, _inbox, new InMemoryAssets(_time), new(documents, _time), retention, _time, NullLogger<OldJobs>.Instance).ForgetAsync(Cancel);
        }

        private void Moved(string from, string to) => EverWhole.Add(IdOf(to, File.ReadAllBytes(Full(from))));

        private bool CanMove(string from, string to) => File.Exists(Full(from)) && from != to && Path.GetExtension(from) == Path.GetExtension(to);

        private async Task ScanAsync(int times)
        {
            for (var i = 0; i < times; i++) await _watcher.ScanAsync(Cancel);
        }

        private string Full(string path) => Path.Combine(_inbox.Root, path);

        private void Write(string path, byte[] content)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Full(path))!);
            File.WriteAllBytes(Full(path), content);
        }
    }

    /// <summary>Submissions are not part of this property.</summary>
    private sealed class NoLedger : ISubmissionLedger
    {
        public Task<Submission?> FindAsync(string key, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task ForgetAsync(string jobId, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
