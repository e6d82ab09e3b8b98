using System.Text;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Uploads;

/// <summary>Events about uploads come late, twice, and in any order.</summary>
public class UploadIntakeTests
{
    private const string Request = """{"prompt": "A tree"}""";
    private const string Recipe = """{"prompt": "@Image1 turns", "image_urls": ["$asset"]}""";

    private readonly FakeJobs _jobs = new();
    private readonly Folder _folder = new();
    private readonly PipelineOptions _options = new();
    private readonly UploadIntake _intake;

    public UploadIntakeTests()
    {
        var options = Options.Create(_options);
        _intake = new UploadIntake(
            _folder, new UploadReader(KlingO1.Contract, Reading.Reader), new JobIntake(_jobs, null!, options, _folder.Time), _jobs, options, _folder.Time,
            NullLogger<UploadIntake>.Instance);
    }

    [Fact]
    public async Task A_request_is_one_job_however_often_it_is_told_of_and_another_when_it_changes()
    {
        _folder.Put("a/walk.json", Request);
        for (var i = 0; i < 3; i++) Assert.Equal(UploadOutcome.Started, await TakeAsync("a/walk.json"));
        Assert.Single(_jobs.Ids);
        _folder.Put("a/walk.json", """{"prompt": "Another tree"}""");
        Assert.Equal(UploadOutcome.Started, await TakeAsync("a/walk.json"));
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task An_image_and_its_recipe_make_one_job_in_whichever_order_they_come_and_are_told_of()
    {
        _folder.Put("spin/one.png", "an image");
        Assert.Equal(UploadOutcome.NoRecipe, await TakeAsync("spin/one.png"));
        Assert.Empty(_jobs.Ids);
        _folder.Put("spin/_recipe.json", Recipe);
        Assert.Equal(UploadOutcome.Started, await TakeAsync("spin/_recipe.json"));
        Assert.Equal(UploadOutcome.Started, await TakeAsync("spin/one.png"));
        Assert.Equal(UploadOutcome.Started, await TakeAsync("spin/_recipe.json"));
        var job = Assert.Single(_jobs.Ids);
        Assert.Equal("spin/one.png", _jobs[job].Job.Upload);
    }

    [Fact]
    public async Task A_recipe_is_for_the_images_of_its_own_folder()
    {
        _folder.Put("spin/one.png", "an image");
        _folder.Put("spin/deeper/two.png", "an image");
        _folder.Put("spin/three.json", Request);
        _folder.Put("spin/_recipe.json", Recipe);
        await TakeAsync("spin/_recipe.json");
        Assert.Equal("spin/one.png", _jobs[Assert.Single(_jobs.Ids)].Job.Upload);
    }

    [Fact]
    public async Task A_recipe_starts_no_image_so_old_that_its_job_may_be_forgotten()
    {
        _folder.Put("spin/old.png", "an image");
        _folder.Time.Advance(_options.KeepFor);
        _folder.Put("spin/new.png", "an image");
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        _folder.Put("spin/_recipe.json", Recipe);
        await TakeAsync("spin/_recipe.json");
        Assert.Equal("spin/new.png", _jobs[Assert.Single(_jobs.Ids)].Job.Upload);
        _options.KeepFor = TimeSpan.Zero;
        await TakeAsync("spin/_recipe.json");
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Theory]
    [InlineData("walk.json", "{", "walk.error.json", "invalid_json")]
    [InlineData("walk.json", """{"prompt": 1}""", "walk.error.json", "wrong_type")]
    [InlineData("one.png", """{"prompt": "no place"}""", "one.png.error.json", "required")]
    public async Task A_bad_one_leaves_a_report_beside_it_and_starts_nothing(string path, string json, string report, string code)
    {
        _folder.Put("_recipe.json", json);
        _folder.Put(path, json);
        Assert.Equal(UploadOutcome.Refused, await TakeAsync(path));
        Assert.Empty(_jobs.Ids);
        Assert.Contains(code, _folder.Text(report), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recipe_that_is_spoilt_afterwards_puts_no_report_beside_an_image_that_has_its_job()
    {
        _folder.Put("spin/one.png", "an image");
        _folder.Put("spin/_recipe.json", Recipe);
        await TakeAsync("spin/_recipe.json");
        _folder.Put("spin/_recipe.json", "{");
        Assert.Equal(UploadOutcome.Started, await TakeAsync("spin/_recipe.json"));
        Assert.Null(await _folder.FindAsync("spin/one.png.error.json", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_request_that_is_too_long_is_refused_without_being_read_to_its_end()
    {
        _folder.Put("walk.json", $$"""{"prompt": "{{new string('x', 300 * 1024)}}"}""");
        Assert.Equal(UploadOutcome.Refused, await TakeAsync("walk.json"));
        Assert.Contains("256 KiB", _folder.Text("walk.error.json"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("walk.json")]
    [InlineData("one.png")]
    [InlineData("_recipe.json")]
    [InlineData("walk.error.json")]
    [InlineData("readme.txt")]
    public async Task What_is_gone_or_none_of_these_starts_nothing(string path)
    {
        Assert.Equal(UploadOutcome.Nothing, await TakeAsync(path));
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task With_a_cap_of_jobs_a_day_an_upload_becomes_a_job_that_waits_for_its_day()
    {
        _options.MaxJobsPerDay = 1;
        foreach (var name in new[] { "a.json", "b.json" })
        {
            _folder.Put(name, Request);
            Assert.Equal(UploadOutcome.Started, await TakeAsync(name));
        }
        Assert.All(_jobs.Ids, id => Assert.True(_jobs[id].Job.AwaitsDay));
        Assert.Equal(2, _jobs.Ids.Count());
    }

    private Task<UploadOutcome> TakeAsync(string path) => _intake.TakeAsync(path, "https://kling.example.com", TestContext.Current.CancellationToken);

    private sealed class Folder : IUploads
    {
        private readonly Dictionary<string, (byte[] Bytes, DateTimeOffset At, int Version)> _files = [];
        private int _versions;

        public bool AreLookedAtAgain => false;

        public FakeTimeProvider Time { get; } = new();

        public void Put(string path, string text) => _files[path] = (Encoding.UTF8.GetBytes(text), Time.GetUtcNow(), ++_versions);

        public string Text(string path) => Encoding.UTF8.GetString(_files[path].Bytes);

        public Task<UploadedFile?> FindAsync(string path, CancellationToken cancel) =>
            Task.FromResult(_files.ContainsKey(path) ? Described(path) : null);

        public Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel) =>
            Task.FromResult(_files.TryGetValue(path, out var file) ? (Described(path), file.Bytes[..Math.Min(file.Bytes.Length, atMost + 1)]) : default((UploadedFile, byte[])?));

        public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancel) =>
            _files.Keys.Where(p => p.StartsWith(folder, StringComparison.Ordinal) && !p[folder.Length..].Contains('/', StringComparison.Ordinal))
                .Select(Described).ToList().ToAsyncEnumerable();

        public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel)
        {
            Put(path, Encoding.UTF8.GetString(content.Span));
            return Task.CompletedTask;
        }

        private UploadedFile Described(string path) => new(path, $"\"{_files[path].Version}\"", _files[path].At);
    }
}
