using System.Security.Cryptography;
using System.Text;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Uploads;

/// <summary>Events about uploads arrive late, twice, and in any order.</summary>
public class UploadIntakeTests
{
    private const string Request = """{"prompt": "A tree"}""";
    private const string Recipe = """{"prompt": "@Image1 turns", "image_urls": ["$asset"]}""";

    private static readonly byte[] Image = Picture.File("picture.png");

    private readonly FakeJobs _jobs = new();
    private readonly InMemoryUploads _folder = new();
    private readonly Lines _log = new();
    private readonly PipelineOptions _options = new();
    private readonly UploadIntake _intake;

    public UploadIntakeTests()
    {
        _intake = UploadIntakes.Over(_folder, _jobs, Options.Create(_options), _folder.Time, _log);
    }

    [Fact]
    public async Task Request_file_is_one_job_until_it_changes()
    {
        _folder.Put("a/walk.json", Request);
        for (var i = 0; i < 3; i++) Assert.Equal(UploadOutcome.Started, await AcceptAsync("a/walk.json"));
        Assert.Single(_jobs.Ids);
        _folder.Put("a/walk.json", """{"prompt": "Another tree"}""");
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("a/walk.json"));
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Image_and_recipe_make_one_job_in_any_order()
    {
        _folder.Put("spin/one.png", Image);
        Assert.Equal(UploadOutcome.NoRecipe, await AcceptAsync("spin/one.png"));
        Assert.Empty(_jobs.Ids);
        _folder.Put("spin/_recipe.json", Recipe);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/_recipe.json"));
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/one.png"));
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/_recipe.json"));
        var job = Assert.Single(_jobs.Ids);
        Assert.Equal("spin/one.png", _jobs[job].Job.Upload);
    }

    [Fact]
    public async Task Recipe_under_another_name_is_refused_with_the_right_name()
    {
        _folder.Put("spin/recipe.json", Recipe);
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync("spin/recipe.json"));
        Assert.Contains("_recipe.json", _folder.Text("spin/recipe.error.json"), StringComparison.Ordinal);
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task Report_beside_an_image_names_the_recipe_that_has_the_faults()
    {
        _folder.Put("spin/_recipe.json", """{"promt": "@Image1 turns", "image_urls": ["$asset"]}""");
        _folder.Put("spin/one.png", Image);
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync("spin/one.png"));
        Assert.Contains("spin/_recipe.json", _folder.Text("spin/one.png.error.json"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recipe_is_for_the_images_of_its_own_folder()
    {
        _folder.Put("spin/one.png", Image);
        _folder.Put("spin/deeper/two.png", Image);
        _folder.Put("spin/three.json", Request);
        _folder.Put("spin/_recipe.json", Recipe);
        await AcceptAsync("spin/_recipe.json");
        Assert.Equal("spin/one.png", _jobs[Assert.Single(_jobs.Ids)].Job.Upload);
    }

    [Fact]
    public async Task Recipe_starts_no_image_so_old_that_its_job_may_be_deleted()
    {
        _folder.Put("spin/old.png", Image);
        _folder.Time.Advance(_options.KeepFor);
        _folder.Put("spin/new.png", Image);
        _folder.Time.Advance(TimeSpan.FromMinutes(1));
        _folder.Put("spin/_recipe.json", Recipe);
        await AcceptAsync("spin/_recipe.json");
        Assert.Equal("spin/new.png", _jobs[Assert.Single(_jobs.Ids)].Job.Upload);
        _options.KeepFor = TimeSpan.Zero;
        await AcceptAsync("spin/_recipe.json");
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Theory]
    [InlineData("walk.json", "{", "walk.error.json", "invalid_json")]
    [InlineData("walk.json", """{"prompt": 1}""", "walk.error.json", "wrong_type")]
    [InlineData("one.png", """{"prompt": "no place"}""", "one.png.error.json", "required")]
    public async Task Bad_upload_leaves_a_report_beside_it_and_starts_nothing(string path, string json, string report, string code)
    {
        _folder.Put("_recipe.json", json);
        _folder.Put(path, path.EndsWith(".png", StringComparison.Ordinal) ? Image : Encoding.UTF8.GetBytes(json));
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync(path));
        Assert.Empty(_jobs.Ids);
        Assert.Contains(code, _folder.Text(report), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recipe_broken_later_leaves_no_report_beside_an_image_with_a_job()
    {
        _folder.Put("spin/one.png", Image);
        _folder.Put("spin/_recipe.json", Recipe);
        await AcceptAsync("spin/_recipe.json");
        _folder.Put("spin/_recipe.json", "{");
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/_recipe.json"));
        Assert.Null(await _folder.FindAsync("spin/one.png.error.json", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Too_long_request_is_refused_without_being_read_to_its_end()
    {
        _folder.Put("walk.json", $$"""{"prompt": "{{new string('x', 300 * 1024)}}"}""");
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync("walk.json"));
        Assert.Contains("256 KiB", _folder.Text("walk.error.json"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("walk.json")]
    [InlineData("one.png")]
    [InlineData("_recipe.json")]
    [InlineData("walk.error.json")]
    [InlineData("readme.txt")]
    public async Task Missing_or_unknown_file_starts_nothing(string path)
    {
        Assert.Equal(UploadOutcome.Nothing, await AcceptAsync(path));
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task Upload_past_the_daily_cap_becomes_a_job_that_waits()
    {
        _options.MaxJobsPerDay = 1;
        foreach (var name in new[] { "a.json", "b.json" })
        {
            _folder.Put(name, Request);
            Assert.Equal(UploadOutcome.Started, await AcceptAsync(name));
        }
        Assert.All(_jobs.Ids, id => Assert.True(_jobs[id].Job.AwaitsDay));
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Upload_of_equal_content_under_the_same_path_starts_nothing()
    {
        _folder.Put("walk.json", Request);
        _folder.Put("spin/_recipe.json", Recipe);
        _folder.Put("spin/one.png", Image);
        foreach (var path in new[] { "walk.json", "spin/one.png" })
        {
            await AcceptAsync(path);
            _folder.Put(path, Encoding.Latin1.GetBytes(path == "walk.json" ? Request : Encoding.Latin1.GetString(Image)));
            Assert.Equal(UploadOutcome.Started, await AcceptAsync(path));
        }
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Upload_on_record_starts_nothing_when_its_job_is_lost()
    {
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        _jobs.Clear();
        _folder.Put("walk.json", Request);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("walk.json"));
        Assert.Empty(_jobs.Ids);
        _folder.Put("again.json", Request);
        await AcceptAsync("again.json");
        Assert.Single(_jobs.Ids);
    }

    [Fact]
    public async Task Upload_accepted_by_ETag_in_an_older_version_starts_nothing()
    {
        _folder.Put("walk.json", Request);
        var file = (await _folder.FindAsync("walk.json", Cancel))!;
        _jobs.Put(SampleJobs.Ended(SampleJobs.New(Upload.JobId("walk.json", file.ETag)) with { Upload = "walk.json" }, JobStatus.Succeeded));
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("walk.json"));
        _jobs.Clear();
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task Job_whose_record_could_not_be_written_is_not_started_again()
    {
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        _folder.LoseRecords();
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("walk.json"));
        Assert.Single(_jobs.Ids);
        Assert.All(_folder.Taken, record => Assert.Equal("walk.json", record.Upload));
        Assert.NotEmpty(_folder.Taken);
    }

    public static TheoryData<string> Images => ["baseline.jpg", "picture.png", "lossy.webp", "lossless.webp", "extended.webp"];

    [Theory, MemberData(nameof(Images))]
    public async Task Image_starts_when_its_last_byte_has_arrived(string name)
    {
        var image = Picture.File(name);
        _folder.Put("spin/_recipe.json", Recipe);
        foreach (var part in new[] { 0, 1, 12, 33, image.Length / 2, image.Length - 1 })
        {
            _folder.Put("spin/one.jpg", image[..part]);
            Assert.Equal(UploadOutcome.Unfinished, await AcceptAsync("spin/one.jpg", mayGrow: true));
            // With its final length from the start, as some systems copy.
            _folder.Put("spin/one.jpg", [.. image[..part], .. new byte[image.Length - part]]);
            if (image.Length - part > 600) Assert.Equal(UploadOutcome.Unfinished, await AcceptAsync("spin/one.jpg", mayGrow: true));
        }
        Assert.Empty(_jobs.Ids);
        _folder.Put("spin/one.jpg", image);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/one.jpg", mayGrow: true));
        Assert.Single(_jobs.Ids);
    }

    [Theory, MemberData(nameof(Images))]
    public async Task Image_whose_data_behind_its_end_arrives_later_is_one_job(string name)
    {
        // A motion photo has its film behind the image, an HDR photo a second image.
        var (image, film) = (Picture.File(name), Picture.File("baseline.jpg"));
        _folder.Put("spin/_recipe.json", Recipe);
        foreach (var part in new[] { 0, 1, film.Length / 2, film.Length })
        {
            _folder.Put("spin/one.jpg", [.. image, .. film[..part]]);
            Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/one.jpg", mayGrow: true));
        }
        Assert.Equal(new("spin/one.jpg", Convert.ToHexStringLower(SHA256.HashData(image))), _jobs[Assert.Single(_jobs.Ids)].Job.Image);
    }

    [Fact]
    public async Task Image_with_data_behind_its_end_on_record_of_an_older_version_starts_nothing()
    {
        byte[] image = [.. Image, 1, 2, 3];
        _folder.Put("spin/_recipe.json", Recipe);
        _folder.Put("spin/one.png", image);
        await _folder.TryRecordAsync(new(Upload.JobId("spin/one.png", Convert.ToHexStringLower(SHA256.HashData(image))), "spin/one.png", "v1", default), Cancel);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/one.png"));
        Assert.Empty(_jobs.Ids);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_saved_again_in_another_layout_is_the_same_upload(bool isJournalLost)
    {
        foreach (var (path, text) in new[]
        {
            ("walk.json", Request), ("walk.json", Request + "\n"), ("walk.json", "\uFEFF" + Request), ("walk.json", "{\r\n  \"prompt\" : \"A \\u0074ree\"\r\n}\r\n"),
        })
        {
            _folder.Put(path, text);
            Assert.Equal(UploadOutcome.Started, await AcceptAsync(path));
            Assert.Equal(isJournalLost && text != Request ? 0 : 1, _jobs.Ids.Count());
            if (isJournalLost) _jobs.Clear();
        }
    }

    [Theory, MemberData(nameof(Images))]
    public async Task Truncated_image_is_reported_and_never_paid(string name)
    {
        var image = Picture.File(name);
        _folder.Put("spin/_recipe.json", Recipe);
        _folder.Put("spin/one.jpg", image[..(image.Length / 2)]);
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync("spin/one.jpg"));
        Assert.Contains("breaks off", _folder.Text("spin/one.jpg.error.json"), StringComparison.Ordinal);
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task Request_file_starts_when_its_JSON_is_complete()
    {
        for (var length = 0; length < Request.Length; length++)
        {
            _folder.Put("walk.json", Request[..length]);
            Assert.Equal(UploadOutcome.Unfinished, await AcceptAsync("walk.json", mayGrow: true));
        }
        _folder.Put("walk.json", Request[..5] + new string('\0', 5));
        Assert.Equal(UploadOutcome.Unfinished, await AcceptAsync("walk.json", mayGrow: true));
        Assert.Null(await _folder.FindAsync("walk.error.json", Cancel));
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync("walk.json"));
        _folder.Put("walk.json", Request);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("walk.json", mayGrow: true));
    }

    [Fact]
    public async Task Image_waits_for_a_recipe_that_is_still_being_written()
    {
        _folder.Put("spin/one.png", Image);
        _folder.Put("spin/_recipe.json", Recipe[..20]);
        Assert.Equal(UploadOutcome.Unfinished, await AcceptAsync("spin/one.png", mayGrow: true));
        _folder.Put("spin/_recipe.json", Recipe);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("spin/one.png", mayGrow: true));
    }

    [Theory]
    [InlineData("_Recipe.json", "one.jfif")]
    [InlineData("_RECIPE.JSON", "one.JPE")]
    public async Task Recipe_in_any_case_is_found_by_its_images(string recipe, string image)
    {
        _folder.Put($"spin/{recipe}", Recipe);
        _folder.Put($"spin/{image}", Picture.File("baseline.jpg"));
        Assert.Equal(UploadOutcome.Started, await AcceptAsync($"spin/{image}"));
    }

    [Theory]
    [InlineData("spin/one.heic", "JPEG, PNG and WebP")]
    [InlineData("spin/one.gif", "JPEG, PNG and WebP")]
    [InlineData("spin/one.jpg", "whatever its name says")]
    public async Task Image_of_a_format_that_RunComfy_does_not_accept_is_reported(string path, string says)
    {
        _folder.Put("spin/_recipe.json", Recipe);
        _folder.Put(path, "....ftypheic and so on, for quite some bytes");
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync(path));
        Assert.Contains(says, _folder.Text($"{path}.error.json"), StringComparison.Ordinal);
        Assert.Empty(_jobs.Ids);
    }

    [Theory]
    [InlineData("notes.txt", 1)]
    [InlineData("spin/one.png", 1)]
    [InlineData(".stversions/one.png", 0)]
    [InlineData("Thumbs.db", 0)]
    public async Task Unused_file_is_logged(string path, int lines)
    {
        _folder.Put(path, Image);
        await AcceptAsync(path);
        Assert.Equal(lines, _log.Said.Count(line => line.Contains(path, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Report_is_deleted_when_the_upload_is_fixed()
    {
        _folder.Put("walk.json", "{}");
        await AcceptAsync("walk.json");
        Assert.NotNull(await _folder.FindAsync("walk.error.json", Cancel));
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        Assert.Null(await _folder.FindAsync("walk.error.json", Cancel));
    }

    [Theory]
    [InlineData("""{"my": "own file"}""")]
    [InlineData("""{"upload": "other.json", "faults": []}""")]
    [InlineData("no JSON")]
    public async Task File_that_only_has_the_name_of_a_report_stays(string content)
    {
        _folder.Put("walk.error.json", content);
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        Assert.Equal(content, _folder.Text("walk.error.json"));
    }

    [Fact]
    public async Task Report_on_a_failed_job_survives_a_repeated_event()
    {
        _folder.Put("walk.json", Request);
        await AcceptAsync("walk.json");
        var job = _jobs[Assert.Single(_jobs.Ids)].Job;
        _jobs.Put(SampleJobs.Ended(job, JobStatus.Failed));
        await new ReportUploadStep(_folder).RunAsync(new("walk.json", new("provider_failed", "No luck.")), Cancel);
        _folder.LoseRecords();
        await AcceptAsync("walk.json");
        Assert.Contains("No luck.", _folder.Text("walk.error.json"), StringComparison.Ordinal);
        await new ReportUploadStep(_folder).RunAsync(new("walk.json", null), Cancel);
        Assert.Null(await _folder.FindAsync("walk.error.json", Cancel));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Task<UploadOutcome> AcceptAsync(string path, bool mayGrow = false) =>
        _intake.AcceptAsync(path, "https://kling.example.com", mayGrow, TestContext.Current.CancellationToken);

    private sealed class Lines : ILogger<UploadIntake>
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Add(formatter(state, exception));
    }
}
