using System.Net;
using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobVideoStoreTests : VideoStoreContract, IDisposable
{
    private readonly HttpClient _http = new();
    private readonly TestAccount _account;
    private readonly BlobLinks _links;
    private readonly BlobVideoStore _store;

    public BlobVideoStoreTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        _links = new BlobLinks(_account.Client, TimeProvider.System);
        _store = new BlobVideoStore(_account.Client, _links);
    }

    protected override IVideoStore Store => _store;

    public void Dispose()
    {
        _http.Dispose();
        _links.Dispose();
    }

    [Fact]
    public async Task Video_blob_has_the_documented_name_and_headers()
    {
        await StoreAsync("video", Mp4(100));
        Assert.Equal(["job_1/video.mp4"], await _account.NamesAsync(Containers.Videos));
        var blob = _account[Containers.Videos].GetBlobClient("job_1/video.mp4");
        var properties = (await blob.GetPropertiesAsync(cancellationToken: Ct)).Value;
        Assert.Equal(("video/mp4", "inline; filename=\"job_1-video.mp4\""), (properties.ContentType, properties.ContentDisposition));
        Assert.Equal(Described("video", Mp4(100)).Sha256, properties.Metadata["sha256"]);
        Assert.Equal("job_1", (await blob.GetTagsAsync(cancellationToken: Ct)).Value.Tags["job"]);
    }

    [Fact]
    public async Task Link_serves_ranges_of_the_video_under_its_own_name()
    {
        await StoreAsync("video", Mp4(100));
        using var request = new HttpRequestMessage(HttpMethod.Get, (await Store.LocateAsync("job_1", "video", Ct))!.Link);
        request.Headers.Range = new(10, 19);
        using var answer = await _http.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.PartialContent, answer.StatusCode);
        Assert.Equal("video/mp4", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("job_1-video.mp4", answer.Content.Headers.ContentDisposition!.FileName?.Trim('"'));
        Assert.Equal(Mp4(100)[10..20], await answer.Content.ReadAsByteArrayAsync(Ct));
    }

    [Fact]
    public async Task Commit_with_a_lost_answer_finds_its_own_file()
    {
        var network = new Network();
        var store = new BlobVideoStore(_account.Over(network), _links);
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(Mp4(100), Ct);
        network.LoseAnswer(r => r.Uri.Query.Contains("comp=blocklist", StringComparison.Ordinal));
        Assert.Equal(Described("video", Mp4(100)), await sink.CommitAsync(Described("video", Mp4(100)), Ct));
        Assert.Equal(Mp4(100), await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    [Fact]
    public async Task Blocks_with_a_lost_answer_are_not_written_twice()
    {
        var network = new Network();
        var store = new BlobVideoStore(_account.Over(network), _links);
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        for (var n = 0; n < 2; n++) network.LoseAnswer(r => r.Uri.Query.Contains("comp=block&", StringComparison.Ordinal));
        var bytes = Mp4(20_000_000);
        await sink.Stream.WriteAsync(bytes, Ct);
        await sink.CommitAsync(Described("video", bytes), Ct);
        Assert.Equal(bytes, await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    [Fact]
    public async Task First_commit_wins_even_after_the_last_check()
    {
        var network = new Network();
        var store = new BlobVideoStore(_account.Over(network), _links);
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(Mp4(200), Ct);
        network.Before = async message =>
        {
            if (message.Request.Uri.Query.Contains("comp=blocklist", StringComparison.Ordinal)) await StoreAsync("video", Mp4(100));
        };
        Assert.Equal(Described("video", Mp4(100)), await sink.CommitAsync(Described("video", Mp4(200)), Ct));
        Assert.Equal(Mp4(100), await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    [Fact]
    public async Task Writer_with_discarded_blocks_gets_the_committed_file()
    {
        // The service discards the blocks here; Azurite keeps them.
        var network = new Network();
        var store = new BlobVideoStore(_account.Over(network), _links);
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(Mp4(200), Ct);
        network.AnswerLater = async request =>
        {
            if (!request.Uri.Query.Contains("comp=blocklist", StringComparison.Ordinal)) return null;
            await StoreAsync("video", Mp4(100));
            return CannedResponse.Refusal("InvalidBlockList", status: 400);
        };
        Assert.Equal(Described("video", Mp4(100)), await sink.CommitAsync(Described("video", Mp4(200)), Ct));
    }

    [Fact]
    public async Task Blob_without_the_hash_in_its_metadata_is_not_found()
    {
        await _account[Containers.Videos].UploadBlobAsync("job_1/video.mp4", new BinaryData(Mp4(100)), Ct);
        Assert.Null(await Store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Block_that_cannot_be_written_fails_the_write_or_the_commit()
    {
        var network = new Network { Answer = r => r.Method == RequestMethod.Put ? CannedResponse.Refusal("AuthorizationPermissionMismatch") : null };
        var store = new BlobVideoStore(_account.Over(network), _links);
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(Mp4(100), Ct);
        await Assert.ThrowsAsync<Azure.RequestFailedException>(() => sink.CommitAsync(Described("video", Mp4(100)), Ct));
        Assert.Null(await Store.FindAsync("job_1", "video", Ct));
    }

    protected override Task<byte[]> ReadAsync(VideoLocation location) => _http.GetByteArrayAsync(location.Link, Ct);

    protected override IVideoStore Reopen() => new BlobVideoStore(_account.Client, _links);
}
