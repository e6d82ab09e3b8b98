using System.Security.Cryptography;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>A video is complete or absent, and written once.</summary>
public abstract class VideoStoreContract
{
    protected abstract IVideoStore Store { get; }

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The bytes at a location.</summary>
    protected abstract Task<byte[]> ReadAsync(VideoLocation location);

    /// <summary>The store in another process.</summary>
    protected abstract IVideoStore Reopen();

    [Fact]
    public async Task Committed_file_is_found_and_located_by_another_process_too()
    {
        var committed = await StoreAsync("video", [1, 2, 3]);
        Assert.Equal(committed, await Store.FindAsync("job_1", "video", Ct));
        var located = await Reopen().LocateAsync("job_1", "video", Ct);
        Assert.Equal(committed, located!.File);
        Assert.True((located.Link is null) != (located.Path is null));
        Assert.Equal([1, 2, 3], await ReadAsync(located));
    }

    [Fact]
    public async Task Committed_file_keeps_the_id_of_the_paid_request()
    {
        var committed = await StoreAsync(Described("video", [1, 2, 3]) with { RequestId = "req_1-A" }, [1, 2, 3]);
        Assert.Equal("req_1-A", (await Reopen().FindAsync("job_1", "video", Ct))!.RequestId);
        Assert.Equal(committed, (await Reopen().LocateAsync("job_1", "video", Ct))!.File);
    }

    [Fact]
    public async Task Uncommitted_file_does_not_exist()
    {
        await using (var sink = await Store.CreateAsync("job_1", "video", Ct))
        {
            await sink.Stream.WriteAsync(Mp4(10_000_000), Ct);
            Assert.Null(await Store.FindAsync("job_1", "video", Ct));
            Assert.Null(await Store.LocateAsync("job_1", "video", Ct));
        }

        Assert.Null(await Store.FindAsync("job_1", "video", Ct));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8 * 1024 * 1024)]
    [InlineData(20 * 1024 * 1024 + 3)]
    public async Task File_of_any_length_is_read_as_it_was_written(int length)
    {
        var bytes = Mp4(length);
        await using var sink = await Store.CreateAsync("job_1", "video", Ct);
        foreach (var piece in bytes.Chunk(1_000_000)) await sink.Stream.WriteAsync(piece, Ct);
        var kept = await sink.CommitAsync(Described("video", bytes), Ct);
        Assert.Equal(Described("video", bytes), kept);
        Assert.Equal(bytes, await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    [Fact]
    public async Task Files_of_jobs_with_a_common_prefix_are_kept_apart()
    {
        var image = Described("image", [9]) with { Kind = "image", ContentType = "image/png" };
        await StoreAsync("video", [1]);
        await StoreAsync("video-2", [2, 2]);
        await StoreAsync(image, [9]);
        Assert.Null(await Store.FindAsync("job_1", "vid", Ct));
        Assert.Null(await Store.FindAsync("job", "video", Ct));
        Assert.Equal(Described("video-2", [2, 2]), await Store.FindAsync("job_1", "video-2", Ct));
        Assert.Equal(image, await Store.FindAsync("job_1", "image", Ct));
    }

    [Fact]
    public async Task First_commit_wins_and_the_second_gets_the_first_file()
    {
        await using var one = await Store.CreateAsync("job_1", "video", Ct);
        await using var two = await Store.CreateAsync("job_1", "video", Ct);
        await one.Stream.WriteAsync(Mp4(10_000_000), Ct);
        await two.Stream.WriteAsync(Mp4(9_000_000), Ct);

        var first = await one.CommitAsync(Described("video", Mp4(10_000_000)), Ct);
        Assert.Equal(first, await two.CommitAsync(Described("video", Mp4(9_000_000)), Ct));
        await two.DisposeAsync();
        Assert.Equal(Mp4(10_000_000), await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    [Fact]
    public async Task Many_simultaneous_writers_agree_on_one_file()
    {
        var results = await Task.WhenAll(Enumerable.Range(1, 24).Select(n => Task.Run(() => StoreAsync("video", new byte[n]))));
        Assert.Single(results.Distinct());
        Assert.Equal(results[0].SizeBytes, (await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!)).Length);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(20 * 1024 * 1024 + 3)]
    public async Task Suspended_file_is_continued_by_another_process(int length)
    {
        var bytes = Mp4(length);
        var half = length / 2;
        await using (var begun = await Store.CreateAsync("job_1", "video", Ct))
        {
            await begun.Stream.WriteAsync(bytes.AsMemory(0, half), Ct);
            await begun.SuspendAsync(At(half), Ct);
        }
        Assert.Null(await Store.FindAsync("job_1", "video", Ct));

        // One run suspends the transfer a second time, as happens to slow ones; the next run finishes it.
        await using (var second = (await Reopen().ContinueAsync("job_1", "video", Ct))!)
        {
            Assert.Equal(At(half), second.Checkpoint);
            await second.Stream.WriteAsync(bytes.AsMemory(half, 10), Ct);
            await second.SuspendAsync(At(half + 10), Ct);
        }
        await using (var third = (await Reopen().ContinueAsync("job_1", "video", Ct))!)
        {
            Assert.Equal(At(half + 10), third.Checkpoint);
            await third.Stream.WriteAsync(bytes.AsMemory(half + 10), Ct);
            await third.CommitAsync(Described("video", bytes), Ct);
        }
        Assert.Equal(bytes, await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
        Assert.Null(await Store.ContinueAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Suspended_file_that_is_given_up_is_deleted_and_starts_over()
    {
        Assert.Null(await Store.ContinueAsync("job_1", "video", Ct));
        await using (var begun = await Store.CreateAsync("job_1", "video", Ct))
        {
            await begun.Stream.WriteAsync(Mp4(100), Ct);
            await begun.SuspendAsync(At(100), Ct);
        }
        Assert.Null(await Store.ContinueAsync("job_1", "video-2", Ct));
        await (await Store.ContinueAsync("job_1", "video", Ct))!.DisposeAsync();
        Assert.Null(await Store.ContinueAsync("job_1", "video", Ct));
        await StoreAsync("video", [1, 2]);
        Assert.Equal([1, 2], await ReadAsync((await Store.LocateAsync("job_1", "video", Ct))!));
    }

    private static Checkpoint At(long length) => new("req-1", length, "hash", "head", "\"tag\"", 1000, new("", 7, IsLost: false, HasMovie: true, HasData: false));

    [Fact]
    public async Task Incomplete_file_is_not_committed()
    {
        await using var sink = await Store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(new byte[] { 1, 2 }, Ct);
        await Assert.ThrowsAsync<ArgumentException>(() => sink.CommitAsync(Described("video", [1]), Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => sink.CommitAsync(Described("other", [1, 2]), Ct));
        Assert.Null(await Store.FindAsync("job_1", "video", Ct));
    }

    [Theory]
    [InlineData("../evil", "video")]
    [InlineData("..", "video")]
    [InlineData("", "video")]
    [InlineData("job_1", "../video")]
    [InlineData("job_1", "a/b")]
    [InlineData("job_1", "/etc/passwd")]
    [InlineData("job_1", "video.mp4")]
    [InlineData("job\u0000", "video")]
    public async Task No_name_leads_out_of_the_store(string job, string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Store.CreateAsync(job, name, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.FindAsync(job, name, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.LocateAsync(job, name, Ct));
    }

    protected Task<StoredFile> StoreAsync(string name, byte[] bytes) => StoreAsync(Described(name, bytes), bytes);

    protected async Task<StoredFile> StoreAsync(StoredFile file, byte[] bytes)
    {
        await using var sink = await Store.CreateAsync("job_1", file.Name, Ct);
        await sink.Stream.WriteAsync(bytes, Ct);
        return await sink.CommitAsync(file, Ct);
    }

    protected static StoredFile Described(string name, byte[] bytes) => new(name, "video", "video/mp4", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    /// <summary>Bytes with the signature of an MP4 file, if there is room.</summary>
    protected static byte[] Mp4(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        "\0\0\0\u0018ftypisom"u8[..Math.Min(length, 12)].CopyTo(bytes);
        return bytes;
    }
}
