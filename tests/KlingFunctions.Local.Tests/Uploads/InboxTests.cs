using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Uploads;

public sealed class InboxTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));
    private SimulatorHost _runComfy = null!;
    private WebhookReceiver _receiver = null!;
    private LocalHostUnderTest _host = null!;

    private Scene Scene => new(_host, _runComfy, _receiver);

    public async ValueTask InitializeAsync()
    {
        _runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.FromSeconds(1), RunTime = TimeSpan.FromSeconds(1) }, _time);
        _receiver = await WebhookReceiver.StartAsync();
        _host = await LocalHostUnderTest.StartAsync(Scene.SettingsFor(_runComfy), _time);
        Directory.CreateDirectory(_host.Inbox);
    }

    public ValueTask DisposeAsync() => Scene.DisposeAsync();

    [Fact]
    public async Task Request_with_images_beside_it_becomes_a_video()
    {
        await PutAsync("walk/robot.png", await ImageAsync("robot-front.png"));
        await PutAsync("walk/walk.json", """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""");
        var job = await EndAsync(await OnlyJobAsync());
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal("walk/walk.json", job.GetProperty("upload").GetString());
        Assert.Equal("asset:walk/robot.png", job.GetProperty("request").GetProperty("image_urls")[0].GetString());
        // RunComfy got a working link, and the link is nowhere in the job.
        var link = Assert.Single(_runComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.Equal(await ImageAsync("robot-front.png"), await _host.Http.GetByteArrayAsync(new Uri(link), TestContext.Current.CancellationToken));
        Assert.DoesNotContain("sig=", job.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_beside_a_recipe_become_a_video_each_and_a_lone_image_does_not()
    {
        await PutAsync("spin/_recipe.json", """{"prompt": "@Image1 turns slowly", "image_urls": ["$asset"]}""");
        await PutAsync("spin/one.png", await ImageAsync("robot-front.png"));
        await PutAsync("spin/two.jpg", await ImageAsync("robot-side.jpg"));
        await PutAsync("elsewhere/three.png", await ImageAsync("robot-front.png"));
        await ScanAsync();
        foreach (var id in await JobsAsync()) Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(id)));
        Assert.Equal(2, _runComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Upload_seen_again_after_a_restart_starts_nothing()
    {
        await PutAsync("a.json", """{"prompt": "A tree"}""");
        var first = await OnlyJobAsync();
        await EndAsync(first);
        await _host.KillAsync();
        await ScanAsync();
        Assert.Equal([first], await JobsAsync());

        await PutAsync("a.json", """{"prompt": "A taller tree"}""");
        await ScanAsync();
        Assert.Equal(2, (await JobsAsync()).Count);
    }

    [Fact]
    public async Task Upload_of_lines_is_a_batch_of_jobs_each_with_its_own_report()
    {
        const string good = """{"prompt": "A tree"}""", late = """{"prompt": "@Image1", "image_urls": ["missing.png"]}""";
        await PutAsync("orders/today.jsonl", $"{good}\n{late}\n");
        await ScanAsync();
        var jobs = new List<JsonElement>();
        foreach (var id in await JobsAsync()) jobs.Add(await EndAsync(id));
        Assert.Equal(["failed", "succeeded"], jobs.Select(Scene.StatusOf).Order());
        Assert.Single(jobs.Select(job => job.GetProperty("batch").GetString()).Distinct());
        var report = Path.Combine(_host.Inbox, "orders", "today.jsonl.2.error.json");
        Assert.Contains("missing.png", await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken), StringComparison.Ordinal);

        await _host.KillAsync();
        await PutAsync("orders/today.jsonl", $"{good}\n{late}\n{good}\n");
        await ScanAsync();
        await ScanAsync();
        Assert.Equal(3, (await JobsAsync()).Count);
        Assert.True(File.Exists(report));
        File.Delete(Path.Combine(_host.Inbox, "orders", "today.jsonl"));
        await ScanAsync();
        await ScanAsync();
        Assert.False(File.Exists(report));
    }

    [Fact]
    public async Task Bad_upload_leaves_a_readable_report_and_starts_nothing()
    {
        await PutAsync("bad/one.json", """{"prompt": "", "colour": "red"}""");
        await ScanAsync();
        Assert.Empty(await JobsAsync());
        var report = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(_host.Inbox, "bad", "one.error.json"), TestContext.Current.CancellationToken));
        Assert.Contains("colour", report.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failed_job_of_an_upload_leaves_a_report_too()
    {
        await PutAsync("late/one.json", """{"prompt": "@Image1", "image_urls": ["missing.png"]}""");
        var job = await EndAsync(await OnlyJobAsync());
        Assert.Equal("image_unreachable", job.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("missing.png", await File.ReadAllTextAsync(Path.Combine(_host.Inbox, "late", "one.error.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, _runComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Report_on_a_paid_job_does_not_say_that_nothing_was_paid()
    {
        _runComfy.Behaviour = _runComfy.Behaviour with { FailsWith = "no luck" };
        await PutAsync("paid/one.json", """{"prompt": "A tree"}""");
        await EndAsync(await OnlyJobAsync());
        var report = await File.ReadAllTextAsync(Path.Combine(_host.Inbox, "paid", "one.error.json"), TestContext.Current.CancellationToken);
        Assert.Contains("no luck", report, StringComparison.Ordinal);
        Assert.DoesNotContain("nothing was paid", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Request_waits_for_an_image_that_arrives_after_it(int partOf)
    {
        var image = await ImageAsync("robot-front.png");
        if (partOf > 0) await PutAsync("walk/robot.png", image[..(image.Length / partOf)]);
        await PutAsync("walk/walk.json", """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""");
        var id = await OnlyJobAsync();
        await _host.RunToRestAsync();
        await PutAsync("walk/robot.png", image);
        Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(id)));
        Assert.Equal(1, _runComfy.Account.AcceptedCount);
        Assert.False(File.Exists(Path.Combine(_host.Inbox, "walk", "walk.error.json")));
    }

    [Fact]
    public async Task Half_an_image_that_a_request_names_is_never_paid()
    {
        var image = await ImageAsync("robot-side.jpg");
        await PutAsync("walk/robot.jpg", image[..(image.Length / 2)]);
        await PutAsync("walk/walk.json", """{"prompt": "@Image1 walks", "image_urls": ["robot.jpg"]}""");
        Assert.Equal("failed", Scene.StatusOf(await EndAsync(await OnlyJobAsync())));
        Assert.Contains("breaks off", await File.ReadAllTextAsync(Path.Combine(_host.Inbox, "walk", "walk.error.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, _runComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Report_is_deleted_when_the_job_is_resumed_and_succeeds()
    {
        await PutAsync("walk/walk.json", """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""");
        var id = await OnlyJobAsync();
        Assert.Equal("failed", Scene.StatusOf(await EndAsync(id)));
        var report = Path.Combine(_host.Inbox, "walk", "walk.error.json");
        Assert.True(File.Exists(report));
        await PutAsync("walk/robot.png", await ImageAsync("robot-front.png"));
        using (var resume = await _host.Http.PostAsync(new Uri($"/api/videos/{id}/resume", UriKind.Relative), null, TestContext.Current.CancellationToken))
            Assert.True(resume.IsSuccessStatusCode);
        Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(id)));
        Assert.False(File.Exists(report));
    }

    [Theory]
    [InlineData("/assets/walk/robot.png")]
    [InlineData("/assets/walk/robot.png?expires=99999999999&sig=00")]
    [InlineData("/assets/../journal.db?expires=99999999999&sig=00")]
    public async Task Image_is_only_served_by_a_link_that_the_host_made(string path)
    {
        await PutAsync("walk/robot.png", await ImageAsync("robot-front.png"));
        using var answer = await _host.Http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.False(answer.IsSuccessStatusCode);
    }

    private async Task PutAsync(string path, string text) => await PutAsync(path, System.Text.Encoding.UTF8.GetBytes(text));

    private async Task PutAsync(string path, byte[] bytes)
    {
        var full = Path.Combine(_host.Inbox, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        await File.WriteAllBytesAsync(full, bytes, TestContext.Current.CancellationToken);
    }

    private async Task<byte[]> ImageAsync(string name) => await _host.Http.GetByteArrayAsync(new Uri(Scene.Image(name)));

    /// <summary>Scans twice: a file is read when two scans in a row see it unchanged.</summary>
    private async Task ScanAsync()
    {
        var watcher = _host.Services.GetRequiredService<InboxWatcher>();
        await watcher.ScanAsync(TestContext.Current.CancellationToken);
        await watcher.ScanAsync(TestContext.Current.CancellationToken);
    }

    private async Task<string> OnlyJobAsync()
    {
        await ScanAsync();
        return Assert.Single(await JobsAsync());
    }

    private async Task<List<string>> JobsAsync()
    {
        using var answer = await _host.Http.GetAsync(new Uri("/api/videos", UriKind.Relative));
        return [.. (await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!)];
    }

    private Task<JsonElement> EndAsync(string id) => Scene.EndAsync(id);
}
