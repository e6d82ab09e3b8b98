using System.Collections.Concurrent;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Uploads;

/// <summary>What lies in the inbox may be unfinished, locked, gone again, or a trap.</summary>
public sealed class InboxWatcherTests : IDisposable
{
    private const string Request = """{"prompt": "A tree"}""";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-inbox-");
    private readonly DirectoryInfo _outside = Directory.CreateTempSubdirectory("kling-outside-");
    private readonly Jobs _jobs = new();
    private readonly Lines _log = new();
    private readonly InboxFolder _inbox;
    private readonly InboxWatcher _watcher;

    public InboxWatcherTests()
    {
        var time = new FakeTimeProvider();
        _inbox = new InboxFolder(Options.Create(new LocalOptions { DataDirectory = _folder.FullName }));
        Directory.CreateDirectory(_inbox.Root);
        var options = Options.Create(new PipelineOptions());
        var intake = new UploadIntake(
            _inbox, new UploadReader(KlingO1.Contract, new RequestReader(KlingO1.Contract, Options.Create(new NetworkOptions()))),
            new JobIntake(_jobs, null!, options, time), _jobs, options, time,
            NullLogger<UploadIntake>.Instance);
        _watcher = new InboxWatcher(_inbox, intake, new HostAddress(new Server(), null!, Options.Create(new PublicOptions())), time, _log);
    }

    public void Dispose()
    {
        _watcher.Dispose();
        _folder.Delete(recursive: true);
        _outside.Delete(recursive: true);
    }

    [Fact]
    public async Task A_file_is_taken_when_it_is_no_longer_being_written()
    {
        for (var length = 1; length < Request.Length; length += 5)
        {
            Put("a.json", Request[..length]);
            await LookAsync();
            Assert.Empty(_jobs.Uploads);
        }
        Put("a.json", Request);
        await LookAsync();
        Assert.Empty(_jobs.Uploads);
        await LookAsync();
        Assert.Equal(["a.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task A_locked_file_holds_no_other_up_is_said_once_and_is_taken_when_it_is_free()
    {
        Put("a.json", Request);
        Put("b.json", Request);
        Put("c.json", Request);
        using (new FileStream(PathOf("b.json"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            await LookAsync(5);
            Assert.Equal(["a.json", "c.json"], _jobs.Uploads.Order(StringComparer.Ordinal));
        }
        Assert.Single(_log.Said, line => line.Contains("b.json", StringComparison.Ordinal) && !line.Contains("is job", StringComparison.Ordinal));
        await LookAsync();
        Assert.Contains("b.json", _jobs.Uploads);
    }

    [Fact]
    public async Task A_journal_that_fails_does_not_end_the_watch()
    {
        Put("a.json", Request);
        _jobs.Starting = _ => throw new InvalidOperationException("the disk is full");
        await LookAsync(3);
        _jobs.Starting = null;
        await LookAsync();
        Assert.Equal(["a.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task A_file_that_is_gone_when_its_turn_comes_is_no_fault()
    {
        Put("a.json", Request);
        Put("b.json", Request);
        Put("c.json", Request);
        _jobs.Starting = _ => File.Delete(PathOf("b.json"));
        await LookAsync(3);
        Assert.Equal(["a.json", "c.json"], _jobs.Uploads);
    }

    [Fact]
    public async Task An_image_waits_for_its_recipe_as_it_would_over_a_restart()
    {
        Put("spin/one.png", "an image");
        await LookAsync(3);
        Assert.Empty(_jobs.Uploads);
        Put("spin/_recipe.json", """{"prompt": "@Image1 turns", "image_urls": ["$asset"]}""");
        await LookAsync();
        Assert.Equal(["spin/one.png"], _jobs.Uploads);
    }

    [Fact]
    public async Task A_link_that_leads_out_of_the_inbox_is_neither_followed_nor_served_nor_written_through()
    {
        File.WriteAllText(Path.Combine(_outside.FullName, "secret.json"), Request);
        File.WriteAllText(Path.Combine(_outside.FullName, "secret.png"), "an image");
        File.CreateSymbolicLink(PathOf("file.json"), Path.Combine(_outside.FullName, "secret.json"));
        File.CreateSymbolicLink(PathOf("file.png"), Path.Combine(_outside.FullName, "secret.png"));
        Directory.CreateSymbolicLink(PathOf("folder"), _outside.FullName);
        Directory.CreateSymbolicLink(PathOf("loop"), _inbox.Root);
        Put("bad.json", "no JSON");
        File.CreateSymbolicLink(PathOf("bad.error.json"), Path.Combine(_outside.FullName, "secret.json"));

        await LookAsync(3);
        Assert.Empty(_jobs.Uploads);
        foreach (var path in new[] { "file.json", "file.png", "folder/secret.png", "loop/bad.json", "../journal.db", "no/such.png" })
            Assert.Null(_inbox.PathOf(path));
        Assert.NotNull(_inbox.PathOf("bad.json"));
        Assert.Equal(Request, File.ReadAllText(Path.Combine(_outside.FullName, "secret.json")));
    }

    [Fact]
    public async Task Thousands_of_files_are_taken_once_each()
    {
        for (var i = 0; i < 2000; i++) Put($"{i % 50}/{i}.json", Request);
        await LookAsync(4);
        Assert.Equal(2000, _jobs.Uploads.Count);
        Assert.Equal(2000, _jobs.Uploads.Distinct().Count());
    }

    private async Task LookAsync(int times = 1)
    {
        for (var i = 0; i < times; i++) await _watcher.LookAsync(TestContext.Current.CancellationToken);
    }

    private string PathOf(string path) => Path.Combine(_inbox.Root, path);

    private void Put(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        File.WriteAllText(PathOf(path), text);
    }

    /// <summary>Counts what is handed in.</summary>
    private sealed class Jobs : IJobs
    {
        private readonly ConcurrentDictionary<string, VideoJob> _jobs = [];

        public ConcurrentQueue<string> Uploads { get; } = [];

        public Action<VideoJob>? Starting { get; set; }

        public Task<bool> StartAsync(VideoJob job, CancellationToken cancel)
        {
            Starting?.Invoke(job);
            if (!_jobs.TryAdd(job.Id, job)) return Task.FromResult(false);
            Uploads.Enqueue(job.Upload!);
            return Task.FromResult(true);
        }

        public Task<JobSnapshot?> GetAsync(string id, CancellationToken cancel) =>
            Task.FromResult(_jobs.TryGetValue(id, out var job) ? new JobSnapshot(job, JobState.Initial(job), true, []) : null);

        public Task<bool> ResumeAsync(VideoJob job, CancellationToken cancel) => throw new NotSupportedException();

        public Task<JobPage> ListAsync(JobQuery query, CancellationToken cancel) => throw new NotSupportedException();

        public Task<bool> CancelAsync(string id, CancellationToken cancel) => throw new NotSupportedException();

        public Task<bool> RedeliverAsync(string notificationId, CancellationToken cancel) => throw new NotSupportedException();

        public IAsyncEnumerable<JobSnapshot> AcceptedBeforeAsync(DateTimeOffset time, CancellationToken cancel) => throw new NotSupportedException();

        public Task ForgetAsync(JobSnapshot job, CancellationToken cancel) => throw new NotSupportedException();
    }

    private sealed class Lines : ILogger<InboxWatcher>
    {
        public ConcurrentQueue<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Warning) Said.Enqueue(formatter(state, exception));
        }
    }

    /// <summary>Listens at one address.</summary>
    private sealed class Server : IServer
    {
        public Server() => Features.Set<IServerAddressesFeature>(new Addresses());

        public IFeatureCollection Features { get; } = new FeatureCollection();

        public void Dispose()
        {
        }

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        private sealed class Addresses : IServerAddressesFeature
        {
            ICollection<string> IServerAddressesFeature.Addresses { get; } = ["http://127.0.0.1:1"];

            public bool PreferHostingUrls { get; set; }
        }
    }
}
