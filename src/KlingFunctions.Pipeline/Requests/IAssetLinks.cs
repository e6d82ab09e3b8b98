namespace KlingFunctions.Pipeline.Requests;

/// <summary>A link to one of the owner's stored images, or the reason why there is none.</summary>
/// <param name="Url">A short-lived read-only HTTPS link that RunComfy can fetch; null if there is none.</param>
/// <param name="Problem">One sentence: why there is none, and what to do.</param>
public sealed record AssetLink(Uri? Url, string? Problem);

/// <summary>Makes links to the owner's stored images that RunComfy can fetch: a user-delegation SAS on Azure.</summary>
public interface IAssetLinks
{
    /// <summary>Signs a link to the stored image at this path. The link is a secret: it is never stored.</summary>
    /// <param name="path">The path in the uploads container or the inbox folder, with <c>/</c> between its parts.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken);

    /// <summary>The bytes of the stored image at this path; null if it does not exist.</summary>
    Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken);
}
