using System.Text;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Contracts.Stores;

/// <summary>What has been uploaded can be read, with its version; what came to nothing has a report beside it.</summary>
public abstract class UploadsContract
{
    protected abstract IUploads Uploads { get; }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The owner uploads a file.</summary>
    protected abstract Task PutAsync(string path, string text);

    [Theory]
    [InlineData("walk.json")]
    [InlineData("a b/deeper/50% off & ü.json")]
    public async Task A_file_is_read_with_the_version_that_it_has(string path)
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
    public async Task Of_a_long_file_no_more_is_read_than_shows_that_it_is_too_long()
    {
        await PutAsync("long.json", new string('x', 100_000));
        Assert.Equal(1001, (await Uploads.ReadAsync("long.json", 1000, Cancel))!.Value.Bytes.Length);
        Assert.Equal(100_000, (await Uploads.ReadAsync("long.json", 100_000, Cancel))!.Value.Bytes.Length);
    }

    [Theory]
    [InlineData("none.json")]
    [InlineData("no/such/folder/none.json")]
    public async Task What_is_not_there_is_not_found(string path)
    {
        Assert.Null(await Uploads.FindAsync(path, Cancel));
        Assert.Null(await Uploads.ReadAsync(path, 100, Cancel));
    }

    [Fact]
    public async Task A_folder_lists_its_own_images_and_none_below_it()
    {
        foreach (var path in new[] { "one.png", "spin/two.png", "spin/three.png", "spin/deeper/four.png", "spinning/five.png" }) await PutAsync(path, path);
        Assert.Equal(["spin/three.png", "spin/two.png"], await NamesAsync("spin/"));
        Assert.Equal(["one.png"], await NamesAsync(""));
        Assert.Empty(await NamesAsync("none/"));
        var listed = await Uploads.ListAsync("spin/", Cancel).FirstAsync(f => f.Path == "spin/two.png", Cancel);
        Assert.Equal(await Uploads.FindAsync("spin/two.png", Cancel), listed);
    }

    [Fact]
    public async Task A_report_is_written_over_an_older_one()
    {
        await Uploads.WriteReportAsync("bad/one.error.json", "{\"a\":1}"u8.ToArray(), Cancel);
        await Uploads.WriteReportAsync("bad/one.error.json", "{}"u8.ToArray(), Cancel);
        Assert.Equal("{}"u8.ToArray(), (await Uploads.ReadAsync("bad/one.error.json", 100, Cancel))!.Value.Bytes);
    }

    private async Task<IReadOnlyList<string>> NamesAsync(string folder) =>
        [.. (await Uploads.ListAsync(folder, Cancel).ToListAsync(Cancel)).Select(f => f.Path).Order(StringComparer.Ordinal)];
}
