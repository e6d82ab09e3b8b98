using System.Text.Json;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Tests.Host;
using KlingFunctions.Triggers;

namespace KlingFunctions.Tests;

/// <summary>Blobs in the container <c>uploads</c>, through the app's own trigger.</summary>
public sealed class UploadTests(SharedAzurite azurite) : IAsyncLifetime
{
    private const string Recipe = """{"prompt": "@Image1 turns slowly", "image_urls": ["$asset"]}""";

    private Scene _scene = null!;
    private AppProcess _app = null!;
    private BlobContainerClient _uploads = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var moment = TimeSpan.FromMilliseconds(300);
        var stage = await AppScene.RentAsync(azurite, new() { QueueTime = moment, RunTime = moment });
        (_app, _scene) = (stage.App, stage.Scene);
        _uploads = new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Uploads);
    }

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task Blob_event_delivered_three_times_starts_one_job()
    {
        await PutAsync("orders/walk.json", """{"prompt": "A tree in the wind"}""");
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => SendEventAsync("orders/walk.json")));
        var job = await EndAsync(Assert.Single(await JobsAsync()));
        await SendEventAsync("orders/walk.json");
        Assert.Single(await JobsAsync());
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal(1, _scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Webhook_of_an_upload_has_links_with_the_platforms_host_name()
    {
        await using var stage = await AppScene.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero }, [("WEBSITE_HOSTNAME", "kling.example.com")], TimeSpan.FromSeconds(1));
        var request = $$"""{"prompt": "A tree in the wind", "webhook_url": "{{stage.Scene.Receiver.Url}}"}""";
        await new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Uploads).GetBlobClient("walk.json").UploadAsync(new BinaryData(request), Cancel);
        await stage.App.SendBlobEventAsync(nameof(UploadedAsset), Containers.Uploads, "walk.json");
        while (stage.Scene.Receiver.Received.Count == 0) await Task.Delay(100, Cancel);
        var links = stage.Scene.Receiver.Received[0].Json.GetProperty("data").GetProperty("links");
        Assert.StartsWith("https://kling.example.com/api/videos/", links.GetProperty("self").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_beside_a_recipe_becomes_a_video_and_its_link_is_never_shown()
    {
        await PutImageAsync("spin/robot.png");
        await SendEventAsync("spin/robot.png");
        Assert.Empty(await JobsAsync());
        await PutAsync("spin/_recipe.json", Recipe);
        await SendEventAsync("spin/_recipe.json");
        await SendEventAsync("spin/robot.png");
        var job = await EndAsync(Assert.Single(await JobsAsync()));
        Assert.Equal("succeeded", Scene.StatusOf(job));
        var submitted = Assert.Single(_scene.RunComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.Contains("/uploads/spin/robot.png?", submitted, StringComparison.Ordinal);
        var signature = submitted[(submitted.IndexOf("sig=", StringComparison.Ordinal) + 4)..].Split('&')[0];
        Assert.DoesNotContain(signature, job.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain(_app.Log, line => line.Contains(signature, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Bad_upload_has_a_report_beside_it_and_does_not_fail_the_function()
    {
        await PutAsync("orders/bad.json", """{"promt": "A tree"}""");
        await SendEventAsync("orders/bad.json");
        Assert.Empty(await JobsAsync());
        var report = await _uploads.GetBlobClient("orders/bad.error.json").DownloadContentAsync(Cancel);
        Assert.Contains("unknown_property", report.Value.Content.ToString(), StringComparison.Ordinal);
        // The report is a blob in the container too, and raises an event like any other.
        await SendEventAsync("orders/bad.error.json");
    }

    [Fact]
    public async Task Failed_job_leaves_a_report_beside_its_upload()
    {
        await PutAsync("orders/walk.json", """{"prompt": "@Image1", "image_urls": ["missing.png"]}""");
        await SendEventAsync("orders/walk.json");
        var job = await EndAsync(Assert.Single(await JobsAsync()));
        Assert.Equal("image_unreachable", job.GetProperty("error").GetProperty("code").GetString());
        var report = await _uploads.GetBlobClient("orders/walk.error.json").DownloadContentAsync(Cancel);
        Assert.Contains("missing.png", report.Value.Content.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gone.json")]
    [InlineData("gone.png")]
    [InlineData("readme.txt")]
    public async Task Event_for_a_missing_blob_or_another_file_starts_nothing(string name)
    {
        await SendEventAsync(name);
        Assert.Empty(await JobsAsync());
    }

    [Fact]
    public async Task Changed_upload_is_another_job()
    {
        await PutAsync("walk.json", """{"prompt": "A tree in the wind"}""");
        await SendEventAsync("walk.json");
        await PutAsync("walk.json", """{"prompt": "A tree in the snow"}""");
        await SendEventAsync("walk.json");
        Assert.Equal(2, (await JobsAsync()).Count);
    }

    [Fact]
    public async Task Upload_of_lines_is_a_batch_of_jobs_each_paid_once()
    {
        const string lines = "{\"prompt\": \"A tree in the wind\"}\n{\"prompt\": \"\"}\n{\"prompt\": \"A tree in the snow\"}\n";
        await PutAsync("orders/today.jsonl", lines);
        for (var times = 0; times < 2; times++) await SendEventAsync("orders/today.jsonl");
        var jobs = await JobsAsync();
        Assert.Equal(2, jobs.Count);
        foreach (var id in jobs) Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(id)));
        Assert.Equal(2, _scene.RunComfy.Account.AcceptedCount);
        Assert.Contains("/1/prompt", (await _uploads.GetBlobClient("orders/today.jsonl.error.json").DownloadContentAsync(Cancel)).Value.Content.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_of_equal_content_under_the_same_name_starts_nothing()
    {
        for (var i = 0; i < 2; i++)
        {
            await PutAsync("walk.json", """{"prompt": "A tree in the wind"}""");
            await SendEventAsync("walk.json");
            await EndAsync(Assert.Single(await JobsAsync()));
        }
        Assert.Equal(1, _scene.RunComfy.Account.AcceptedCount);
        await SendEventAsync(".Trash-1000/files/walk.json");
        await PutAsync(".Trash-1000/files/walk.json", """{"prompt": "A tree in the wind"}""");
        await SendEventAsync(".Trash-1000/files/walk.json");
        Assert.Single(await JobsAsync());
    }

    [Fact]
    public async Task Image_uploaded_after_its_request_is_waited_for()
    {
        await PutAsync("orders/walk.json", """{"prompt": "@Image1", "image_urls": ["robot.png"]}""");
        await SendEventAsync("orders/walk.json");
        await PutImageAsync("orders/robot.png");
        await SendEventAsync("orders/robot.png");
        Assert.Equal("succeeded", Scene.StatusOf(await EndAsync(Assert.Single(await JobsAsync()))));
    }

    private Task SendEventAsync(string name) => _app.SendBlobEventAsync(nameof(UploadedAsset), Containers.Uploads, name);

    private async Task PutAsync(string name, string text) => await _uploads.GetBlobClient(name).UploadAsync(new BinaryData(text), overwrite: true, Cancel);

    private async Task PutImageAsync(string name)
    {
        using var http = new HttpClient();
        var image = await http.GetByteArrayAsync(new Uri(_scene.RunComfy.BaseUrl, "/simulator/images/robot-front.png"), Cancel);
        await _uploads.GetBlobClient(name).UploadAsync(new BinaryData(image), overwrite: true, Cancel);
    }

    private async Task<IReadOnlyList<string>> JobsAsync()
    {
        using var answer = await _app.Http.GetAsync(new Uri("/api/videos", UriKind.Relative), Cancel);
        return [.. (await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!)];
    }

    private Task<JsonElement> EndAsync(string id) => _scene.EndAsync(id);
}
