using System.Net;
using System.Security.Cryptography;
using Azure.Storage.Blobs;
using KlingFunctions.Contracts.Azurite;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

/// <summary>Local with <c>Storage:Blobs</c>: all is as it was, but for where the videos are.</summary>
public sealed class BlobStorageTests(AzuriteFixture storage) : IClassFixture<AzuriteFixture>, IAsyncLifetime
{
    // Links are checked by Azurite, which has a clock of its own.
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private Scene _scene = null!;
    private LocalHostUnderTest _host = null!;
    private string _blobs = "";
    private BlobServiceClient _account = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero }, _time, ct: Cancel);
        var settings = Scene.SettingsFor(runComfy);
        settings["Storage:Blobs"] = _blobs = storage.Azurite.NextAccount();
        _host = await LocalHostUnderTest.StartAsync(settings, _time);
        _scene = new Scene(_host, runComfy, await WebhookReceiver.StartAsync());
        _account = _host.Services.GetRequiredService<BlobServiceClient>();
    }

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task The_video_is_in_blob_storage_and_its_content_is_a_redirect_to_a_link()
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
    public async Task An_image_of_the_inbox_is_fetched_from_blob_storage()
    {
        var image = await _host.Http.GetByteArrayAsync(new Uri(_scene.Image("robot-front.png")), Cancel);
        Directory.CreateDirectory(_host.Inbox);
        await File.WriteAllBytesAsync(Path.Combine(_host.Inbox, "robot.png"), image, Cancel);
        await File.WriteAllTextAsync(Path.Combine(_host.Inbox, "walk.json"), """{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}""", Cancel);
        var watcher = _host.Services.GetRequiredService<InboxWatcher>();
        for (var looks = 0; looks < 2; looks++) await watcher.LookAsync(Cancel);

        using var answer = await _host.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel);
        var id = Assert.Single((await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString()!;
        Assert.Equal("succeeded", Scene.StatusOf(await _scene.EndAsync(id)));
        var link = Assert.Single(_scene.RunComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.StartsWith($"{_account.Uri}/images/{Convert.ToHexStringLower(SHA256.HashData(image))}/robot.png?", link, StringComparison.Ordinal);
        Assert.Equal(image, await _host.Http.GetByteArrayAsync(new Uri(link), Cancel));
        // Where a Functions app on the same account would take it for an upload, and pay for a job of its own.
        Assert.False(await _account.GetBlobContainerClient("uploads").ExistsAsync(Cancel));
    }

    [Fact]
    public async Task An_image_of_the_same_name_on_another_machine_does_not_take_the_place_of_one_that_RunComfy_has_yet_to_fetch()
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
