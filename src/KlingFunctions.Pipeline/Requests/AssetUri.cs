namespace KlingFunctions.Pipeline.Requests;

/// <summary>
/// The owner's stored image in a request: <c>asset:</c> and the SHA-256 of a posted image; or, in uploads only, the path from the root of
/// the uploads, with <c>/</c> between folders and nothing escaped. The provider gets a link, or the image itself.
/// </summary>
public static class AssetUri
{
    /// <summary>The prefix of every such URI.</summary>
    public const string Prefix = "asset:";

    /// <summary>The longest accepted path, in characters: the longest name of an Azure blob.</summary>
    public const int MaxPathLength = 1_024;

    /// <summary>Whether <paramref name="url"/> names a stored image.</summary>
    public static bool Is(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        return url.StartsWith(Prefix, StringComparison.Ordinal);
    }

    /// <summary>Whether a path is that of a posted image, not of an upload.</summary>
    public static bool IsSha256(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.Length == 64 && path.All(char.IsAsciiHexDigitLower);
    }

    /// <summary>The stored image at <paramref name="path"/> from the root of the uploads.</summary>
    public static string For(string path) => Prefix + path;

    /// <summary>The path from the root of the uploads that <paramref name="uri"/> names.</summary>
    /// <exception cref="ArgumentException">It names no stored image.</exception>
    public static string PathOf(string uri) =>
        Is(uri) ? uri[Prefix.Length..] : throw new ArgumentException($"Does not start with {Prefix}", nameof(uri));

    /// <summary>
    /// One sentence that says why the path of <paramref name="uri"/> is refused, or <see langword="null"/> when it is accepted.
    /// </summary>
    public static string? Fault(string uri)
    {
        var path = PathOf(uri);
        if (path.Length > MaxPathLength) return $"The path of the image has {path.Length:N0} characters: at most {MaxPathLength:N0} are accepted.";
        var wrong = path.Split('/') switch
        {
            _ when path.Contains('\\') || path.Any(char.IsControl) => "holds a backslash or a control character: write / between folders",
            _ when path.StartsWith('/') => "is absolute: write it relative to the folder of this file",
            var segments when segments.Contains("..") => "leads out of the uploads: only images that lie there can be used",
            var segments when segments.Any(s => s is "" or ".") => "names no image: write it like folder/image.png",
            _ => null,
        };
        return wrong is null ? null : $"The path {Wording.Quote(path)} {wrong}.";
    }
}
