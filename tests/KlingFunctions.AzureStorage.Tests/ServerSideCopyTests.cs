using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Security.Cryptography;
using Azure.Core.Diagnostics;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage.Tests;

/// <summary>
/// <c>Storage:ServerSideCopy</c>, from the result to the stored video. Azurite itself fetches nothing; where it does here, it is
/// <see cref="CopyService"/> that stands in.
/// </summary>
public sealed class ServerSideCopyTests : IAsyncLifetime, IDisposable
{
    private const string Secret = "s3cr3t-in-a-query";

    private readonly TestAccount _account;
    private readonly Network _network = new();
    private readonly BlobLinks _links;
    private readonly NetworkOptions _loopback = new() { AllowLoopback = true };
    private readonly GuardedClient _client;
    private WebApplication _provider = null!;
    private byte[] _result = Mp4(3_000_000);
    private string _type = "video/mp4";

    public ServerSideCopyTests(TestStorage storage)
    {
        _account = storage.NewAccount();
        _links = new BlobLinks(_account.Client, TimeProvider.System);
        _client = new GuardedClient(Options.Create(_loopback));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private BlobVideoStore Store => new(_account.Over(_network), _links);

    private Uri Url => new($"{_provider.Urls.Single()}/video.mp4?sig={Secret}");

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _provider = builder.Build();
        _provider.Run(async http =>
        {
            http.Response.ContentType = _type;
            http.Response.ContentLength = _result.Length;
            await http.Response.Body.WriteAsync(_result, http.RequestAborted);
        });
        await _provider.StartAsync(Cancel);
    }

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    public void Dispose()
    {
        _links.Dispose();
        _client.Dispose();
    }

    [Fact]
    public async Task The_store_fetches_the_video_and_this_host_sends_it_nothing_of_it()
    {
        var service = new CopyService(_account, _network);
        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
        Assert.Equal(1, service.Copies);
        Assert.DoesNotContain(_network.Sent, s => s.Path.Contains("comp=block", StringComparison.Ordinal));
        Assert.Equal("job_1", (await Blob.GetTagsAsync(cancellationToken: Cancel)).Value.Tags["job"]);
        Assert.Equal("inline; filename=\"job_1-video.mp4\"", (await Blob.GetPropertiesAsync(cancellationToken: Cancel)).Value.ContentDisposition);
    }

    [Fact]
    public async Task What_the_store_will_not_fetch_is_streamed()
    {
        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
        Assert.Contains(_network.Sent, s => s.Copies);
    }

    [Theory]
    [InlineData("application/octet-stream", 0)]
    [InlineData("video/x-of-our-own", 0)]
    [InlineData("video/webm", 1)]
    public async Task What_is_not_what_its_headers_say_or_of_which_they_say_nothing_is_streamed_and_leaves_one_file(string type, int copies)
    {
        _type = type;
        var service = new CopyService(_account, _network);
        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
        Assert.Equal(["job_1/video.mp4"], await _account.NamesAsync(Containers.Videos));
        Assert.Equal(copies, service.Copies);
    }

    [Fact]
    public async Task Without_the_setting_nothing_is_copied()
    {
        var service = new CopyService(_account, _network);
        await KeepAsync(serverSideCopy: false);
        Assert.Equal(0, service.Copies);
        Assert.DoesNotContain(_network.Sent, s => s.Copies);
    }

    [Fact]
    public async Task A_copy_that_is_no_video_is_refused_and_removed()
    {
        _result = [.. "<html>"u8, .. new byte[100]];
        _ = new CopyService(_account, _network);
        Assert.Equal("video_invalid", Assert.IsType<KeepOutcome.NotKept>(await TryKeepAsync()).Code);
        Assert.Empty(await _account.NamesAsync(Containers.Videos));
    }

    [Theory]
    [InlineData("another page")]
    [InlineData("another length")]
    [InlineData("nothing")]
    public async Task A_video_of_which_the_store_was_served_something_else_is_streamed_and_not_lost(string served)
    {
        // A host may serve a page to a machine that it does not know, and even a page of the very same length.
        byte[] fetched = served switch
        {
            "another page" => [.. "<html>"u8, .. new byte[_result.Length - 6]],
            "another length" => Mp4(_result.Length + 1),
            _ => [],
        };
        var service = new CopyService(_account, _network) { Fetched = fetched };
        Assert.Equal(Described(_result), await KeepAsync(mostBytes: _result.Length));
        Assert.Equal(_result, await StoredAsync());
        Assert.Equal(["job_1/video.mp4"], await _account.NamesAsync(Containers.Videos));
        Assert.Equal(1, service.Copies);
    }

    [Fact]
    public async Task Who_dies_between_the_copy_and_the_check_leaves_what_nobody_finds_and_the_repeat_finishes()
    {
        var service = new CopyService(_account, _network);
        var dead = await Store.CreateAsync("job_1", "video", Cancel);
        await dead.TryCopyAsync(Url, "video/mp4", Cancel);
        Assert.Equal(["job_1/video.mp4"], await _account.NamesAsync(Containers.Videos));
        Assert.Null(await Store.FindAsync("job_1", "video", Cancel));

        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
        Assert.Equal(1, service.Copies);
    }

    [Fact]
    public async Task A_copy_that_nobody_vouches_for_gives_way_to_a_streamed_video()
    {
        await _account[Containers.Videos].UploadBlobAsync("job_1/video.mp4", new BinaryData(Mp4(50)), Cancel);
        Assert.Equal(Described(_result), await KeepAsync(serverSideCopy: false));
        Assert.Equal(_result, await StoredAsync());
    }

    [Fact]
    public async Task Lost_answers_to_the_copy_and_to_the_commit_change_nothing()
    {
        var service = new CopyService(_account, _network) { LosesAnswer = true };
        _network.LoseAnswer(r => r.Uri.Query.Contains("comp=metadata", StringComparison.Ordinal));
        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
        Assert.Equal(1, service.Copies);
    }

    [Theory]
    [InlineData("HEAD")]
    [InlineData("GET")]
    public async Task A_copy_that_goes_with_another_writer_before_it_is_read_is_no_failure(string before)
    {
        _ = new CopyService(_account, _network);
        _network.Before = async message =>
        {
            if (message.Request.Method.Method != before || !message.Request.Uri.Path.EndsWith("video.mp4", StringComparison.Ordinal)) return;
            _network.Before = null;
            await Blob.DeleteAsync(cancellationToken: Cancel);
        };
        Assert.Equal(Described(_result), await KeepAsync());
        Assert.Equal(_result, await StoredAsync());
    }

    [Fact]
    public async Task Several_at_once_agree_on_one_file()
    {
        _ = new CopyService(_account, _network);
        var kept = await Task.WhenAll(Enumerable.Range(0, 4).Select(n => Task.Run(() => KeepAsync(serverSideCopy: n % 2 == 0))));
        Assert.All(kept, file => Assert.Equal(Described(_result), file));
        Assert.Equal(_result, await StoredAsync());
    }

    [Fact]
    public async Task The_address_that_is_copied_from_is_not_logged()
    {
        var said = new ConcurrentBag<string>();
        using var listener = new AzureEventSourceListener((_, message) => said.Add(message), EventLevel.LogAlways);
        _ = new CopyService(_account, _network);
        await KeepAsync();
        Assert.Contains(said, line => line.Contains("job_1/video.mp4", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    private Azure.Storage.Blobs.BlobClient Blob => _account[Containers.Videos].GetBlobClient("job_1/video.mp4");

    private static StoredFile Described(byte[] bytes) => new("video", "video", "video/mp4", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private static byte[] Mp4(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        "\0\0\0\u0018ftypisom"u8.CopyTo(bytes);
        return bytes;
    }

    private async Task<byte[]> StoredAsync() => (await Blob.DownloadContentAsync(Cancel)).Value.Content.ToArray();

    private async Task<StoredFile> KeepAsync(bool serverSideCopy = true, long mostBytes = 10_000_000) =>
        Assert.Single(Assert.IsType<KeepOutcome.Kept>(await TryKeepAsync(serverSideCopy, mostBytes)).Files);

    private Task<KeepOutcome> TryKeepAsync(bool serverSideCopy = true, long mostBytes = 10_000_000) => new ResultKeeper(
        _client, Store, Options.Create(new RunComfyOptions()), Options.Create(new StorageOptions { MaxVideoBytes = mostBytes, ServerSideCopy = serverSideCopy }),
        Options.Create(_loopback), TimeProvider.System, NullLogger<ResultKeeper>.Instance)
        .KeepAsync("job_1", [new("video", OutputKind.Video, Url.AbsoluteUri)], Cancel);
}
