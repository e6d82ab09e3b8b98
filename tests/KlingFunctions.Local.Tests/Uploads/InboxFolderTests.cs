using KlingFunctions.Contracts.Stores;
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
}
