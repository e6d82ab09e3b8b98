using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Tests.Uploads;

public sealed class InboxFolderTests : UploadsContract, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-inbox-");
    private readonly InboxFolder _inbox;

    public InboxFolderTests()
    {
        _inbox = new InboxFolder(Options.Create(new LocalOptions { DataDirectory = _folder.FullName }));
        Directory.CreateDirectory(_inbox.Root);
    }

    protected override IUploads Uploads => _inbox;

    public void Dispose() => _folder.Delete(recursive: true);

    protected override Task PutAsync(string path, string text)
    {
        var full = Path.Combine(_inbox.Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return File.WriteAllTextAsync(full, text, Cancel);
    }

    protected override Task DeleteAsync(string path)
    {
        File.Delete(Path.Combine(_inbox.Root, path));
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Nothing_is_recorded_in_an_empty_mount_point()
    {
        var upload = new AcceptedUpload(Upload.JobId("one.png", "v1"), "one.png", "v1", DateTimeOffset.UnixEpoch);
        Assert.False(await _inbox.TryRecordAsync(upload, Cancel));
        Directory.Delete(_inbox.Root);
        Assert.False(await _inbox.TryRecordAsync(upload, Cancel));
        Assert.False(Directory.Exists(_inbox.Root));
    }

    [Fact]
    public async Task Records_are_not_written_through_a_link()
    {
        await PutAsync("one.png", "one");
        var outside = Path.Combine(_folder.FullName, "outside");
        Directory.CreateDirectory(outside);
        Directory.CreateSymbolicLink(Path.Combine(_inbox.Root, ".kling"), outside);
        var upload = new AcceptedUpload(Upload.JobId("one.png", "v1"), "one.png", "v1", DateTimeOffset.UnixEpoch);
        await Assert.ThrowsAsync<IOException>(() => _inbox.TryRecordAsync(upload, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
    }
}
