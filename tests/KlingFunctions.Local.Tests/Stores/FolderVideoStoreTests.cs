using System.Security.Cryptography;
using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Storing;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Stores;

public sealed class FolderVideoStoreTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 9, 30, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("videos-").FullName;
    private readonly FolderVideoStore _store;

    public FolderVideoStoreTests() => _store = new FolderVideoStore(_folder, new FakeTimeProvider(Now));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_committed_file_is_found_and_located_also_by_another_process()
    {
        var committed = await Store("video", [1, 2, 3]);
        Assert.Equal(committed, await _store.FindAsync("job_1", "video", Ct));

        var located = await new FolderVideoStore(_folder, TimeProvider.System).LocateAsync("job_1", "video", Ct);
        Assert.Equal(new VideoLocation(committed, null, Path.Combine(_folder, "job_1", "video.mp4"), Now), located);
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(located!.Path!, Ct));
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    [Fact]
    public async Task What_is_not_committed_does_not_exist_and_leaves_nothing()
    {
        await using (var sink = await _store.CreateAsync("job_1", "video", Ct))
        {
            await sink.Stream.WriteAsync(new byte[] { 1 }, Ct);
            Assert.Null(await _store.FindAsync("job_1", "video", Ct));
            Assert.Null(await _store.LocateAsync("job_1", "video", Ct));
        }

        Assert.Empty(FilesOf("job_1"));
    }

    [Fact]
    public async Task The_first_to_commit_wins_and_the_second_learns_whose_file_it_is()
    {
        await using var one = await _store.CreateAsync("job_1", "video", Ct);
        await using var two = await _store.CreateAsync("job_1", "video", Ct);
        await one.Stream.WriteAsync(new byte[] { 1 }, Ct);
        await two.Stream.WriteAsync(new byte[] { 2, 2 }, Ct);

        var first = await one.CommitAsync(Described("video", [1]), Ct);
        Assert.Equal(first, await two.CommitAsync(Described("video", [2, 2]), Ct));
        await two.DisposeAsync();
        Assert.Equal([1], await File.ReadAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), Ct));
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    [Fact]
    public async Task Many_writers_at_once_agree_on_one_file()
    {
        var results = await Task.WhenAll(Enumerable.Range(1, 24).Select(n => Task.Run(() => Store("video", new byte[n]))));
        Assert.Single(results.Distinct());
        Assert.Equal(results[0].SizeBytes, new FileInfo(Path.Combine(_folder, "job_1", "video.mp4")).Length);
        Assert.Equal(["video.json", "video.mp4"], FilesOf("job_1"));
    }

    [Theory]
    [InlineData("video.mp4")] // died before the record was there
    [InlineData("video.json")] // someone deleted the video
    public async Task Half_of_a_pair_is_not_found_and_is_made_whole_by_the_next_commit(string survivor)
    {
        await Store("video", [1, 2, 3]);
        foreach (var file in FilesOf("job_1").Where(f => f != survivor))
            File.Delete(Path.Combine(_folder, "job_1", file));
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));

        var again = await Store("video", [4, 5]);
        Assert.Equal(again, await _store.FindAsync("job_1", "video", Ct));
        Assert.Equal([4, 5], await File.ReadAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), Ct));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"file\":")]
    [InlineData("null")]
    [InlineData("{}")]
    public async Task A_record_that_cannot_be_read_is_no_record(string json)
    {
        await Store("video", [1]);
        await File.WriteAllTextAsync(Path.Combine(_folder, "job_1", "video.json"), json, Ct);
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task A_video_of_another_length_than_its_record_says_is_not_found()
    {
        await Store("video", [1, 2, 3]);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "job_1", "video.mp4"), [1, 2], Ct);
        Assert.Null(await _store.FindAsync("job_1", "video", Ct));
    }

    [Fact]
    public async Task Parts_of_a_process_that_died_are_removed_and_those_being_written_are_not()
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

    [Theory]
    [InlineData("../evil", "video")]
    [InlineData("..", "video")]
    [InlineData("", "video")]
    [InlineData("job_1", "../video")]
    [InlineData("job_1", "a/b")]
    [InlineData("job_1", "/etc/passwd")]
    [InlineData("job_1", "video.mp4")]
    [InlineData("job\u0000", "video")]
    public async Task No_name_leads_out_of_the_folder(string job, string name)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _store.CreateAsync(job, name, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.FindAsync(job, name, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => _store.LocateAsync(job, name, Ct));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    private async Task<StoredFile> Store(string name, byte[] bytes)
    {
        await using var sink = await _store.CreateAsync("job_1", name, Ct);
        await sink.Stream.WriteAsync(bytes, Ct);
        return await sink.CommitAsync(Described(name, bytes), Ct);
    }

    private static StoredFile Described(string name, byte[] bytes) => new(name, "video", "video/mp4", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private string[] FilesOf(string job) => [.. Directory.GetFiles(Path.Combine(_folder, job)).Select(Path.GetFileName).Order().Cast<string>()];
}
