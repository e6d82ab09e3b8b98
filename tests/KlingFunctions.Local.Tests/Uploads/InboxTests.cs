using System.Text.Json;
using KlingFunctions.Contracts.Hosts;
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
    public async Task A_request_with_images_beside_it_becomes_a_video()
    {
        await PutAsync("walk/robot.png", await ImageAsync("robot-front.png"));
        await PutAsync("walk/walk.json", """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""");
        var job = await EndAsync(await OnlyJobAsync());
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal("walk/walk.json", job.GetProperty("upload").GetString());
        Assert.Equal("asset:walk/robot.png", job.GetProperty("request").GetProperty("image_urls")[0].GetString());
        // RunComfy got a link that it can fetch, and the link is nowhere in the job.
        var link = Assert.Single(_runComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.Equal(await ImageAsync("robot-front.png"), await _host.Http.GetByteArrayAsync(new Uri(link), TestContext.Current.CancellationToken));
        Assert.DoesNotContain("sig=", job.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_beside_a_recipe_becomes_a_video_each_and_an_image_alone_does_not()
    {
        await PutAsync("spin/_recipe.json", """{"prompt": "@Image1 turns slowly", "image_urls": ["$asset"]}""");
        await PutAsync("spin/one.png", await ImageAsync("robot-front.png"));
        await PutAsync("spin/two.jpg", await ImageAsync("robot-side.jpg"));
        await PutAsync("elsewhere/three.png", await ImageAsync("robot-front.png"));
        await LookAsync();
        foreach (var id in await JobsAsync()) Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(id)));
        Assert.Equal(2, _runComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task The_same_upload_seen_again_even_after_a_restart_starts_nothing_and_a_new_version_does()
    {
        await PutAsync("a.json", """{"prompt": "A tree"}""");
        var first = await OnlyJobAsync();
        await EndAsync(first);
        await _host.KillAsync();
        await LookAsync();
        Assert.Equal([first], await JobsAsync());

        await PutAsync("a.json", """{"prompt": "A taller tree"}""");
        await LookAsync();
        Assert.Equal(2, (await JobsAsync()).Count);
    }

    [Fact]
    public async Task A_bad_upload_leaves_a_readable_report_and_starts_nothing()
    {
        await PutAsync("bad/one.json", """{"prompt": "", "colour": "red"}""");
        await LookAsync();
        Assert.Empty(await JobsAsync());
        var report = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(_host.Inbox, "bad", "one.error.json"), TestContext.Current.CancellationToken));
        Assert.Contains("colour", report.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_whose_job_fails_leaves_a_report_too()
    {
        await PutAsync("late/one.json", """{"prompt": "@Image1", "image_urls": ["missing.png"]}""");
        var job = await EndAsync(await OnlyJobAsync());
        Assert.Equal("image_unreachable", job.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("missing.png", await File.ReadAllTextAsync(Path.Combine(_host.Inbox, "late", "one.error.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, _runComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task The_report_on_a_job_that_failed_after_it_was_paid_does_not_say_that_nothing_was()
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
    public async Task Report_on_a_job_goes_when_the_job_is_resumed_and_succeeds()
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
    public async Task An_image_is_served_only_by_a_link_that_the_host_made(string path)
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

    /// <summary>Two looks: a file is taken when two in a row see it the same.</summary>
    private async Task LookAsync()
    {
        var watcher = _host.Services.GetRequiredService<InboxWatcher>();
        await watcher.LookAsync(TestContext.Current.CancellationToken);
        await watcher.LookAsync(TestContext.Current.CancellationToken);
    }

    private async Task<string> OnlyJobAsync()
    {
        await LookAsync();
        return Assert.Single(await JobsAsync());
    }

    private async Task<List<string>> JobsAsync()
    {
        using var answer = await _host.Http.GetAsync(new Uri("/api/videos", UriKind.Relative));
        return [.. (await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!)];
    }

    private Task<JsonElement> EndAsync(string id) => Scene.EndAsync(id);
}
