using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>A host that nothing was uploaded to: it has no images to link to, and nowhere to leave reports.</summary>
internal sealed class NoUploads : IAssetLinks, IUploadReports
{
    public Task<AssetLink> LinkAsync(string path, CancellationToken cancel) =>
        Task.FromResult(new AssetLink(null, $"There is no upload '{path}': upload it first."));

    public Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel) => Task.CompletedTask;
}
