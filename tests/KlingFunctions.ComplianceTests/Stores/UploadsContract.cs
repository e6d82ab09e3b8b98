using System.Text;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Uploads are read with their version; failed uploads have a report beside them.</summary>
public abstract class UploadsContract
{
    protected abstract IUploads Uploads { get; }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The owner uploads a file.</summary>
    protected abstract Task PutAsync(string path, string text);

    /// <summary>The owner deletes a file.</summary>
    protected abstract Task DeleteAsync(string path);

    [Theory]
    [InlineData("walk.json")]
    [InlineData("a b/deeper/50% off & ü.json")]
    public async Task File_is_read_with_its_version(string path)
    {
        await PutAsync(path, "first");
        var first = (await Uploads.ReadAsync(path, 100, Cancel))!.Value;
        Assert.Equal(("first", path), (Encoding.UTF8.GetString(first.Bytes), first.File.Path));
        Assert.Equal(first.File, await Uploads.FindAsync(path, Cancel));
        Assert.Equal(first.File, (await Uploads.ReadAsync(path, 100, Cancel))!.Value.File);
        await PutAsync(path, "the second");
        var second = (await Uploads.ReadAsync(path, 100, Cancel))!.Value;
        Assert.Equal("the second", Encoding.UTF8.GetString(second.Bytes));
        Assert.NotEqual(first.File.ETag, second.File.ETag);
    }

    [Fact]
    public async Task Long_file_is_read_no_further_than_the_limit()
    {
        await PutAsync("long.json", new string('x', 100_000));
        Assert.Equal(1001, (await Uploads.ReadAsync("long.json", 1000, Cancel))!.Value.Bytes.Length);
        Assert.Equal(100_000, (await Uploads.ReadAsync("long.json", 100_000, Cancel))!.Value.Bytes.Length);
    }

    [Theory]
    [InlineData("none.json")]
    [InlineData("no/such/folder/none.json")]
    public async Task Missing_file_is_not_found(string path)
    {
        Assert.Null(await Uploads.FindAsync(path, Cancel));
        Assert.Null(await Uploads.ReadAsync(path, 100, Cancel));
    }

    [Fact]
    public async Task Folder_lists_its_own_images_and_none_of_its_subfolders()
    {
        foreach (var path in new[] { "one.png", "spin/two.png", "spin/three.png", "spin/deeper/four.png", "spinning/five.png" }) await PutAsync(path, path);
        Assert.Equal(["spin/three.png", "spin/two.png"], await NamesAsync("spin/"));
        Assert.Equal(["one.png"], await NamesAsync(""));
        Assert.Empty(await NamesAsync("none/"));
        var listed = await Uploads.ListAsync("spin/", Cancel).FirstAsync(f => f.Path == "spin/two.png", Cancel);
        Assert.Equal(await Uploads.FindAsync("spin/two.png", Cancel), listed);
    }

    [Fact]
    public async Task Report_is_written_over_an_older_one()
    {
        await Uploads.WriteReportAsync("bad/one.error.json", "{\"a\":1}"u8.ToArray(), Cancel);
        await Uploads.WriteReportAsync("bad/one.error.json", "{}"u8.ToArray(), Cancel);
        Assert.Equal("{}"u8.ToArray(), (await Uploads.ReadAsync("bad/one.error.json", 100, Cancel))!.Value.Bytes);
    }

    [Fact]
    public async Task File_is_read_from_its_first_byte_to_its_last()
    {
        await PutAsync("a b/long.png", new string('x', 200_000));
        var open = (await Uploads.OpenAsync("a b/long.png", Cancel))!.Value;
        using var reader = new StreamReader(open.Content);
        Assert.Equal(200_000, (await reader.ReadToEndAsync(Cancel)).Length);
        Assert.Equal(await Uploads.FindAsync("a b/long.png", Cancel), open.File);
        Assert.Null(await Uploads.OpenAsync("none.png", Cancel));
    }

    [Fact]
    public async Task Report_is_deleted_and_a_missing_one_is_no_error()
    {
        await Uploads.WriteReportAsync("bad/one.error.json", "{}"u8.ToArray(), Cancel);
        for (var i = 0; i < 2; i++) await Uploads.DeleteReportAsync("bad/one.error.json", Cancel);
        Assert.Null(await Uploads.FindAsync("bad/one.error.json", Cancel));
    }

    [Fact]
    public async Task Accepted_upload_stays_on_record_after_its_deletion()
    {
        await PutAsync("spin/one.png", "one");
        var upload = new AcceptedUpload(Upload.JobId("spin/one.png", "v1"), "spin/one.png", "v1", DateTimeOffset.UnixEpoch);
        Assert.False(await Uploads.IsAcceptedAsync(upload.Id, Cancel));
        for (var i = 0; i < 2; i++) Assert.True(await Uploads.TryRecordAsync(upload, Cancel));
        await DeleteAsync("spin/one.png");
        Assert.True(await Uploads.IsAcceptedAsync(upload.Id, Cancel));
        Assert.True(await Uploads.TryRecordAsync(upload, Cancel));
        Assert.False(await Uploads.IsAcceptedAsync(Upload.JobId("spin/one.png", "v2"), Cancel));
    }

    [Fact]
    public async Task Records_are_not_listed_as_uploads()
    {
        await PutAsync("one.png", "one");
        await Uploads.TryRecordAsync(new(Upload.JobId("one.png", "v1"), "one.png", "v1", DateTimeOffset.UnixEpoch), Cancel);
        Assert.Equal(["one.png"], await NamesAsync(""));
    }

    private async Task<IReadOnlyList<string>> NamesAsync(string folder) =>
        [.. (await Uploads.ListAsync(folder, Cancel).ToListAsync(Cancel)).Select(f => f.Path).Order(StringComparer.Ordinal)];
}
