using System.Net;
using System.Security.Cryptography;
using Azure.Storage.Blobs;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

/// <summary>Local with <c>Storage:Blobs</c>: only the place of videos and image copies differs.</summary>
public sealed class BlobStorageTests(AzuriteFixture storage) : IClassFixture<AzuriteFixture>, IAsyncLifetime
{
    // Real time, because Azurite checks the expiry of links by its own clock.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private Scene _scene = null!;
    private LocalHostUnderTest _host = null!;
    private string _blobs = "";
    private BlobServiceClient _account = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero }, _time, cancellationToken: Cancel);
        var settings = Scene.SettingsFor(runComfy);
        settings["Storage:Blobs"] = _blobs = storage.Azurite.NextAccount();
        _host = await LocalHostUnderTest.StartAsync(settings, _time);
        _scene = new Scene(_host, runComfy, await WebhookReceiver.StartAsync());
        _account = _host.Services.GetRequiredService<BlobServiceClient>();
    }

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task Video_is_in_blob_storage_and_its_content_is_a_redirect_to_a_link()
    {
        var id = await _scene.SubmitAsync(_scene.Request());
        Assert.Equal("succeeded", Scene.StatusOf(await _scene.EndAsync(id)));
        var blob = _account.GetBlobContainerClient("videos").GetBlobClient($"{id}/video.mp4");
        var stored = (await blob.DownloadContentAsync(Cancel)).Value.Content.ToArray();

        using var cautious = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = _host.Http.BaseAddress };
        using var answer = await cautious.GetAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(stored, await cautious.GetByteArrayAsync(answer.Headers.Location, Cancel));
        Assert.False(Directory.Exists(Path.Combine(_host.Inbox, "..", "videos")));
    }

    [Fact]
    public async Task Image_of_the_inbox_is_fetched_from_blob_storage()
    {
        var image = await _host.Http.GetByteArrayAsync(new Uri(_scene.Image("robot-front.png")), Cancel);
        Directory.CreateDirectory(_host.Inbox);
        await File.WriteAllBytesAsync(Path.Combine(_host.Inbox, "robot.png"), image, Cancel);
        await File.WriteAllTextAsync(Path.Combine(_host.Inbox, "walk.json"), """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""", Cancel);
        var watcher = _host.Services.GetRequiredService<InboxWatcher>();
        for (var looks = 0; looks < 2; looks++) await watcher.ScanAsync(Cancel);

        using var answer = await _host.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel);
        var id = Assert.Single((await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString()!;
        Assert.Equal("succeeded", Scene.StatusOf(await _scene.EndAsync(id)));
        var link = Assert.Single(_scene.RunComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.StartsWith($"{_account.Uri}/images/{Convert.ToHexStringLower(SHA256.HashData(image))}/robot.png?", link, StringComparison.Ordinal);
        Assert.Equal(image, await _host.Http.GetByteArrayAsync(new Uri(link), Cancel));
        // A Functions app on the same account would treat the copy as an upload, and pay for a job.
        Assert.False(await _account.GetBlobContainerClient("uploads").ExistsAsync(Cancel));
    }

    [Fact]
    public async Task Copies_of_images_with_equal_names_do_not_replace_each_other()
    {
        var ours = await LinkAsync(_host, "robot.png", [1]);
        var settings = Scene.SettingsFor(_scene.RunComfy);
        settings["Storage:Blobs"] = _blobs;
        await using var other = await LocalHostUnderTest.StartAsync(settings, _time);
        var theirs = await LinkAsync(other, "robot.png", [2]);
        Assert.Equal([1], await _host.Http.GetByteArrayAsync(ours, Cancel));
        Assert.Equal([2], await _host.Http.GetByteArrayAsync(theirs, Cancel));
    }

    private static async Task<Uri> LinkAsync(LocalHostUnderTest host, string path, byte[] image)
    {
        Directory.CreateDirectory(host.Inbox);
        await File.WriteAllBytesAsync(Path.Combine(host.Inbox, path), image, Cancel);
        return (await host.Services.GetRequiredService<IAssetLinks>().LinkAsync(path, Cancel)).Url!;
    }
}
