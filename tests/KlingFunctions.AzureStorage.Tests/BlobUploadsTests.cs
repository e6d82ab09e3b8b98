using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobUploadsTests(TestStorage storage) : IDisposable
{
    private readonly TestAccount _account = storage.NewAccount();
    private readonly HttpClient _http = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("walk/robot.png")]
    [InlineData("a b/50% off? #1 & ü.png")]
    public async Task An_uploaded_image_has_a_link_that_anyone_can_fetch(string path)
    {
        await _account[Containers.Uploads].UploadBlobAsync(path, new BinaryData([1, 2, 3]), Cancel);
        var link = await LinkAsync(path, allowLoopback: true);
        Assert.Null(link.Problem);
        Assert.Equal([1, 2, 3], await _http.GetByteArrayAsync(link.Url, Cancel));
    }

    [Fact]
    public async Task For_an_image_that_is_not_there_a_sentence_says_so()
    {
        var link = await LinkAsync("walk/none.png", allowLoopback: true);
        Assert.Null(link.Url);
        Assert.Contains("'walk/none.png'", link.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Storage_on_this_machine_gives_no_links_to_those_who_cannot_reach_it()
    {
        await _account[Containers.Uploads].UploadBlobAsync("robot.png", new BinaryData([1]), Cancel);
        var link = await LinkAsync("robot.png", allowLoopback: false);
        Assert.Null(link.Url);
        Assert.Contains("Storage:Blobs", link.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_is_written_over_an_older_one()
    {
        var reports = new BlobUploadReports(_account.Client);
        await reports.WriteAsync("bad/one.error.json", "{\"a\":1}"u8.ToArray(), Cancel);
        await reports.WriteAsync("bad/one.error.json", "{}"u8.ToArray(), Cancel);
        var written = (await _account[Containers.Uploads].GetBlobClient("bad/one.error.json").DownloadContentAsync(Cancel)).Value;
        Assert.Equal(("{}", "application/json"), (written.Content.ToString(), written.Details.ContentType));
    }

    private async Task<AssetLink> LinkAsync(string path, bool allowLoopback)
    {
        using var links = new BlobLinks(_account.Client, TimeProvider.System);
        return await new BlobAssetLinks(_account.Client, links, Options.Create(new NetworkOptions { AllowLoopback = allowLoopback })).LinkAsync(path, Cancel);
    }
}
