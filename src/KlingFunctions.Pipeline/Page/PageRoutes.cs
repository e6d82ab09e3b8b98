using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using KlingFunctions.Pipeline.Storing;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace KlingFunctions.Pipeline.Page;

/// <summary>
/// The page at <c>/</c>: static files without data. It asks its reader for the key, and calls the routes like any client.
/// </summary>
public sealed class PageRoutes(IVideoStore videos)
{
    /// <summary>The path of the page's files. The page and its files need no key.</summary>
    public const string Files = "/page";

    private const string Index = "index.html";

    private static readonly FrozenDictionary<string, PageFile> All = Read();

    // Videos may come from the store, chosen images from the browser's memory; all else comes from this host, and nothing is inline.
    private readonly string _policy = PolicyFor($"'self' blob: {videos.LinkOrigin?.GetLeftPart(UriPartial.Authority)}".TrimEnd());

    /// <summary><c>GET /</c>: the page.</summary>
    public IResult Page(HttpContext http) => File(http, Index);

    /// <summary><c>GET /page/{path}</c>: one of its files.</summary>
    public IResult File(HttpContext http, string path)
    {
        if (!All.TryGetValue(path, out var file)) return Results.StatusCode(StatusCodes.Status404NotFound);
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = _policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        return Results.Bytes(file.Bytes, file.ContentType, entityTag: file.Tag);
    }

    private static string PolicyFor(string media) =>
        $"default-src 'self'; img-src {media}; media-src {media}; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static FrozenDictionary<string, PageFile> Read()
    {
        var assembly = Assembly.GetExecutingAssembly();
        const string prefix = "page/";
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToFrozenDictionary(
            name => name[prefix.Length..],
            name =>
            {
                using var stream = assembly.GetManifestResourceStream(name)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return new PageFile(bytes, TypeOf(name), new($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))}\""));
            });
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" or ".mjs" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".json" => "application/json",
        _ => "text/plain; charset=utf-8",
    };

    private sealed record PageFile(byte[] Bytes, string ContentType, EntityTagHeaderValue Tag);
}
