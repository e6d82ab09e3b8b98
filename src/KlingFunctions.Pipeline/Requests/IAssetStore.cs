namespace KlingFunctions.Pipeline.Requests;

/// <summary>
/// The posted images, each stored once under its SHA-256: a port. <see cref="IAssetLinks"/> reads them by their
/// <see cref="AssetUri"/>, like uploads.
/// </summary>
public interface IAssetStore
{
    /// <summary>Stores an image, durably; if it exists, its last use is updated.</summary>
    /// <param name="sha256">The SHA-256 of its bytes, in lower-case hexadecimal.</param>
    /// <param name="contentType">Its media type.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if it exists.</returns>
    Task<bool> AddAsync(string sha256, string contentType, ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <summary>Updates the last use of an image. A missing image is ignored.</summary>
    Task TouchAsync(string sha256, CancellationToken cancellationToken);

    /// <summary>Deletes the images that were last used before a time.</summary>
    /// <returns>The number of images deleted.</returns>
    Task<int> ForgetUnusedAsync(DateTimeOffset before, CancellationToken cancellationToken);
}
