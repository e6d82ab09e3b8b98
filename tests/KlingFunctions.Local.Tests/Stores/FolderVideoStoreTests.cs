using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Storing;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Stores;

public sealed class FolderVideoStoreTests : VideoStoreContract, IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 9, 30, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("videos-").FullName;
    private readonly FolderVideoStore _store;

    public FolderVideoStoreTests() => _store = new FolderVideoStore(_folder, new FakeTimeProvider(Now));

    protected override IVideoStore Store => _store;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Folder_has_only_the_video_and_its_record()
    {
        var committed = await StoreAsync("video", [1, 2, 3]);
        Assert.Equal(new VideoLocation(committed, null, Path.Combine(_folder, "job_1", "video.mp4"), Now), await Store.LocateAsync("job_1", "video", Ct));
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    [Fact]
    public async Task Abandoned_or_second_writer_leaves_nothing()
    {
        await using (var given = await _store.CreateAsync("job_1", "video", Ct)) await given.Stream.WriteAsync(new byte[] { 1 }, Ct);
        Assert.Empty(FilesOf("job_1"));

        await StoreAsync("video", [1]);
        await StoreAsync("video", [2, 2]);
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    [Theory]
    [InlineData("video.mp4")] // died before the record was there
    [InlineData("video.json")] // someone deleted the video
    public async Task Video_or_record_alone_is_not_found_and_replaced_by_the_next_commit(string survivor)
    {
        await StoreAsync("video", [1, 2, 3]);
        foreach (var file in FilesOf("job_1").Where(f => f != survivor))
            File.Delete(Path.Combine(_folder, "job_1", file));
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));

        var again = await StoreAsync("video", [4, 5]);
        Assert.Equal(again, await _store.FindAsync("job_1", "video", Ct));
        Assert.Equal([4, 5], await File.ReadAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), Ct));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"file\":")]
    [InlineData("null")]
    [InlineData("{}")]
    public async Task Unreadable_record_counts_as_missing(string json)
    {
        await StoreAsync("video", [1]);
        await File.WriteAllTextAsync(Path.Combine(_folder, "job_1", "video.json"), json, Ct);
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Video_with_another_length_than_its_record_says_is_not_found()
    {
        await StoreAsync("video", [1, 2, 3]);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), [1, 2], Ct);
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Parts_of_a_dead_process_are_deleted_and_open_ones_are_kept()
    {
        var job = Directory.CreateDirectory(Path.Combine(_folder, "job_1")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(job, "video.dead.part"), [1], Ct);
        await File.WriteAllBytesAsync(Path.Combine(job, "video.dead.part.json.part"), [1], Ct);
        await using var alive = await _store.CreateAsync("job_1", "video", Ct);
        await alive.Stream.WriteAsync(new byte[] { 9 }, Ct);
        await using var other = await _store.CreateAsync("job_1", "video", Ct);

        Assert.Equal(2, FilesOf("job_1").Length);
        await alive.CommitAsync(Described("video", [9]), Ct);
        Assert.NotNull(await _store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Names_of_a_stored_video_are_on_the_disk_before_the_commit_returns()
    {
        var flushed = new List<(string Folder, string[] Files)>();
        var store = new FolderVideoStore(_folder, TimeProvider.System, folder => flushed.Add((folder, [.. Directory.GetFiles(folder).Select(Path.GetFileName).Order().Cast<string>()])));
        await using var sink = await store.CreateAsync("job_1", "video", Ct);
        await sink.Stream.WriteAsync(new byte[] { 1 }, Ct);
        Assert.Empty(flushed);
        await sink.CommitAsync(Described("video", [1]), Ct);
        Assert.Equal([Path.Combine(_folder, "job_1"), _folder], flushed.Select(f => f.Folder));
        Assert.Equal(["video.json", "video.mp4"], flushed[0].Files);
    }

    [Fact]
    public void Missing_folder_can_not_be_flushed()
    {
        FolderFlush.ToDisk(_folder);
        if (!OperatingSystem.IsWindows()) Assert.Throws<IOException>(() => FolderFlush.ToDisk(Path.Combine(_folder, "none")));
    }

    [Fact]
    public async Task Bytes_after_the_last_checkpoint_are_written_again()
    {
        await using (var begun = await _store.CreateAsync("job_1", "video", Ct))
        {
            await begun.Stream.WriteAsync(new byte[] { 1, 2 }, Ct);
            await begun.SuspendAsync(new("req-1", 2, "", "", "", null, new("", 0, false, false, false)), Ct);
        }
        await File.AppendAllBytesAsync(Path.Combine(_folder, "job_1", "video.left"), [9, 9, 9], Ct);
        await using var sink = (await _store.ContinueAsync("job_1", "video", Ct))!;
        Assert.Null(await _store.ContinueAsync("job_1", "video", Ct)); // one at a time
        await sink.Stream.WriteAsync(new byte[] { 3 }, Ct);
        await sink.CommitAsync(Described("video", [1, 2, 3]), Ct);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), Ct));
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    protected override Task<byte[]> ReadAsync(VideoLocation location) => File.ReadAllBytesAsync(location.Path!, Ct);

    protected override IVideoStore Reopen() => new FolderVideoStore(_folder, TimeProvider.System);

    private string[] FilesOf(string job) => [.. Directory.GetFiles(Path.Combine(_folder, job)).Select(Path.GetFileName).Order().Cast<string>()];
}
