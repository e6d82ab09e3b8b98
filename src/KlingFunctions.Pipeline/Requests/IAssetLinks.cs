namespace KlingFunctions.Pipeline.Requests;

/// <summary>A link to one of the owner's stored images, or why there is none.</summary>
/// <param name="Url">A short-lived read-only HTTPS link that RunComfy can fetch; null if there is none.</param>
/// <param name="Problem">One sentence: why there is none, and what to do.</param>
public sealed record AssetLink(Uri? Url, string? Problem);

/// <summary>Turns the owner's stored image into a link that RunComfy can fetch: a user-delegation SAS on Azure.</summary>
public interface IAssetLinks
{
    /// <summary>Mints a link to the stored image at this path. The link is a secret: it is never written down.</summary>
    /// <param name="path">The path in the uploads container or the inbox folder, with <c>/</c> between its parts.</param>
    /// <param name="cancel">Ends the call.</param>
    Task<AssetLink> LinkAsync(string path, CancellationToken cancel);

    /// <summary>The bytes of the stored image at this path; null if it is not there.</summary>
    Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken);
}
