namespace KlingFunctions.Pipeline.Requests;

/// <summary>
/// The owner's stored image as a request names it: <c>asset:</c> and the path from the root of the uploads, with <c>/</c> between
/// folders and nothing escaped. Only uploads may hold one; before the provider sees it, it becomes a link that can be fetched.
/// </summary>
public static class AssetUri
{
    /// <summary>What every one of them starts with.</summary>
    public const string Prefix = "asset:";

    /// <summary>The longest path taken, in characters: the longest name of an Azure blob.</summary>
    public const int MaxPathLength = 1_024;

    /// <summary>Whether <paramref name="url"/> names a stored image.</summary>
    public static bool Is(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        return url.StartsWith(Prefix, StringComparison.Ordinal);
    }

    /// <summary>The stored image at <paramref name="path"/> from the root of the uploads.</summary>
    public static string For(string path) => Prefix + path;

    /// <summary>The path from the root of the uploads that <paramref name="uri"/> names.</summary>
    /// <exception cref="ArgumentException">It names no stored image.</exception>
    public static string PathOf(string uri) =>
        Is(uri) ? uri[Prefix.Length..] : throw new ArgumentException($"Does not start with {Prefix}", nameof(uri));

    /// <summary>One sentence that says why the path of <paramref name="uri"/> is refused, or <see langword="null"/> when it is taken.</summary>
    public static string? Fault(string uri)
    {
        var path = PathOf(uri);
        if (path.Length > MaxPathLength) return $"The path of the image has {path.Length:N0} characters: at most {MaxPathLength:N0} are taken.";
        if (path.Contains('\\') || path.Any(char.IsControl)) return $"The path {JsonBody.Quote(path)} holds a backslash or a control character: write / between folders.";
        if (path.StartsWith('/')) return $"The path {JsonBody.Quote(path)} is absolute: write it relative to the folder of this file.";
        var segments = path.Split('/');
        if (segments.Contains("..")) return $"The path {JsonBody.Quote(path)} leads out of the uploads: only images that lie there can be used.";
        if (segments.Any(s => s is "" or ".")) return $"The path {JsonBody.Quote(path)} names no image: write it like folder/image.png.";
        return null;
    }
}
