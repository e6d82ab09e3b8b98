namespace KlingFunctions.Pipeline.Requests;

/// <summary>The content of an uploaded image: its path may name another image later.</summary>
/// <param name="Path">The path in the uploads container or the inbox folder.</param>
/// <param name="Sha256">The SHA-256 of the image up to its end mark, in lower-case hex.</param>
public sealed record UploadedImage(string Path, string Sha256);
