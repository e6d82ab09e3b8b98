using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>A host that nothing was uploaded to: it has no images to link to, and nowhere to leave reports.</summary>
internal sealed class NoUploads : IAssetLinks, IUploads
{
    public Task<AssetLink> LinkAsync(string path, CancellationToken cancel) =>
        Task.FromResult(new AssetLink(null, $"There is no upload '{path}': upload it first."));

    public Task<UploadedFile?> FindAsync(string path, CancellationToken cancel) => Task.FromResult<UploadedFile?>(null);

    public Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancel) =>
        Task.FromResult<(UploadedFile File, byte[] Bytes)?>(null);

    public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancel) => AsyncEnumerable.Empty<UploadedFile>();

    public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel) => Task.CompletedTask;

    public Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult<(UploadedFile File, Stream Content)?>(null);

    Task<Stream?> IAssetLinks.OpenAsync(string path, CancellationToken cancellationToken) => Task.FromResult<Stream?>(null);

    public Task DeleteReportAsync(string path, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<bool> IsTakenAsync(string id, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task<bool> TryRecordAsync(TakenUpload taken, CancellationToken cancellationToken) => Task.FromResult(true);
}
