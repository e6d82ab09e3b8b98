namespace KlingFunctions.Pipeline.Requests;

/// <summary>An image within a request: <c>data:</c>, its media type, and its bytes in base64.</summary>
internal static class DataUri
{
    private const string Prefix = "data:";
    private const string Mark = ";base64,";

    public static bool Is(string url) => url.StartsWith(Prefix, StringComparison.Ordinal);

    public static string Of(string contentType, ReadOnlySpan<byte> bytes) => $"{Prefix}{contentType}{Mark}{Convert.ToBase64String(bytes)}";

    /// <summary>The bytes of a URI made by <see cref="Of"/>.</summary>
    public static byte[] BytesOf(string uri) => Convert.FromBase64String(uri[Start(uri)..]);

    /// <summary>The number of bytes in a URI made by <see cref="Of"/>.</summary>
    public static long LengthOf(string uri) => (uri.Length - Start(uri)) / 4 * 3;

    private static int Start(string uri) => uri.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length;
}
