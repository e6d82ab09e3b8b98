using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Pipeline.Tests.Fakes;

public sealed class InMemoryUploadsTests : UploadsContract
{
    private readonly InMemoryUploads _uploads = new();

    protected override IUploads Uploads => _uploads;

    protected override Task PutAsync(string path, string text)
    {
        _uploads.Put(path, text);
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(string path)
    {
        _uploads.Delete(path);
        return Task.CompletedTask;
    }
}
