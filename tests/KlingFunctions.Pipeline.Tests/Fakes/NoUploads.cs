using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>A host without uploads: no images for links, and no place for reports.</summary>
internal sealed class NoUploads : IAssetLinks, IUploads
{
    /// <summary>The asset delivery of this host.</summary>
    public static AssetDelivery Delivery { get; } = new(KlingO1.Contract, new NoUploads(), Options.Create(new AssetOptions()));

    public Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult(new AssetLink(null, $"There is no upload '{path}': upload it first."));

    public Task<UploadedFile?> FindAsync(string path, CancellationToken cancellationToken) => Task.FromResult<UploadedFile?>(null);

    public Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancellationToken) =>
        Task.FromResult<(UploadedFile File, byte[] Bytes)?>(null);

    public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancellationToken) => AsyncEnumerable.Empty<UploadedFile>();

    public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult<(UploadedFile File, Stream Content)?>(null);

    Task<Stream?> IAssetLinks.OpenAsync(string path, CancellationToken cancellationToken) => Task.FromResult<Stream?>(null);

    public Task DeleteReportAsync(string path, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<bool> IsAcceptedAsync(string id, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task<bool> TryRecordAsync(AcceptedUpload upload, CancellationToken cancellationToken) => Task.FromResult(true);
}
