using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Tests.Cli;

namespace KlingFunctions.Local.Tests.Service;

/// <summary>A registry on loopback with one image: the user and the variables of .NET's base image, without its files.</summary>
internal sealed class BaseImage : IAsyncDisposable
{
    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    private readonly StubHost _registry;

    private BaseImage(StubHost registry) => _registry = registry;

    /// <summary>The image's name, with the registry's address.</summary>
    public string Name => $"localhost:{new Uri(_registry.Url).Port}/dotnet/aspnet:10.0";

    public static async Task<BaseImage> StartAsync()
    {
        var tar = EmptyTar();
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true)) await gzip.WriteAsync(tar);
        var (layer, config) = (packed.ToArray(), Bytes(Config(Digest(tar))));
        var manifest = Bytes(new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = Descriptor("application/vnd.docker.container.image.v1+json", config),
            ["layers"] = new JsonArray(Descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)),
        });
        return new(await StubHost.StartAsync(async (http, _) =>
        {
            var path = http.Request.Path.Value!;
            var body = path.EndsWith(Digest(layer), StringComparison.Ordinal) ? layer : path.EndsWith(Digest(config), StringComparison.Ordinal) ? config : manifest;
            http.Response.ContentType = body == manifest ? ManifestType : "application/octet-stream";
            http.Response.ContentLength = body.Length;
            http.Response.Headers["Docker-Content-Digest"] = Digest(body);
            await http.Response.Body.WriteAsync(body);
        }));
    }

    public ValueTask DisposeAsync() => _registry.DisposeAsync();

    private static JsonObject Config(string layer) => new()
    {
        ["architecture"] = "amd64",
        ["os"] = "linux",
        ["created"] = "2026-01-01T00:00:00Z",
        ["config"] = new JsonObject { ["Env"] = new JsonArray("PATH=/usr/bin:/bin", "APP_UID=1654") },
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(layer) },
        ["history"] = new JsonArray(new JsonObject { ["created"] = "2026-01-01T00:00:00Z", ["created_by"] = "a test" }),
    };

    private static byte[] EmptyTar()
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true)) writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "home/app"));
        return tar.ToArray();
    }

    private static JsonObject Descriptor(string type, byte[] blob) => new() { ["mediaType"] = type, ["size"] = blob.Length, ["digest"] = Digest(blob) };

    private static string Digest(byte[] blob) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(blob))}";

    private static byte[] Bytes(JsonObject json) => System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
}
