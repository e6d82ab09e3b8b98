using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobUploadsTests(TestStorage storage) : UploadsContract, IDisposable
{
    private readonly TestAccount _account = storage.NewAccount();
    private readonly HttpClient _http = new();

    protected override IUploads Uploads => new BlobUploads(_account.Client);

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("walk/robot.png")]
    [InlineData("a b/50% off? #1 & ü.png")]
    public async Task Uploaded_image_has_a_link_that_anyone_can_fetch(string path)
    {
        await _account[Containers.Uploads].UploadBlobAsync(path, new BinaryData([1, 2, 3]), Cancel);
        var link = await LinkAsync(path, allowLoopback: true);
        Assert.Null(link.Problem);
        Assert.Equal([1, 2, 3], await _http.GetByteArrayAsync(link.Url, Cancel));
    }

    [Fact]
    public async Task Missing_image_is_reported_in_a_sentence()
    {
        var link = await LinkAsync("walk/none.png", allowLoopback: true);
        Assert.Null(link.Url);
        Assert.Contains("'walk/none.png'", link.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Storage_on_this_machine_gives_no_links_to_a_remote_RunComfy()
    {
        await _account[Containers.Uploads].UploadBlobAsync("robot.png", new BinaryData([1]), Cancel);
        var link = await LinkAsync("robot.png", allowLoopback: false);
        Assert.Null(link.Url);
        Assert.Contains("Storage:Blobs", link.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Report_has_the_content_type_JSON()
    {
        await Uploads.WriteReportAsync("bad/one.error.json", "{}"u8.ToArray(), Cancel);
        var properties = await _account[Containers.Uploads].GetBlobClient("bad/one.error.json").GetPropertiesAsync(cancellationToken: Cancel);
        Assert.Equal("application/json", properties.Value.ContentType);
    }

    protected override Task PutAsync(string path, string text) =>
        _account[Containers.Uploads].GetBlobClient(path).UploadAsync(new BinaryData(text), overwrite: true, Cancel);

    protected override Task DeleteAsync(string path) => _account[Containers.Uploads].GetBlobClient(path).DeleteAsync(cancellationToken: Cancel);

    private async Task<AssetLink> LinkAsync(string path, bool allowLoopback)
    {
        using var links = new BlobLinks(_account.Client, TimeProvider.System);
        return await new BlobAssetLinks(_account.Client, links, Options.Create(new NetworkOptions { AllowLoopback = allowLoopback }), Containers.Uploads).LinkAsync(path, Cancel);
    }
}
