using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Links to the owner's images: a route of this host that serves one file, for a limited time, to everyone with the link, as a SAS does on
/// Azure. RunComfy's real servers can't reach a loopback address, so without <c>Network:AllowLoopback</c> no link is made.
/// </summary>
internal sealed class SignedAssetLinks(ImageFiles images, ListenAddress address, IOptions<NetworkOptions> network, TimeProvider time) : IAssetLinks
{
    /// <summary>The path before all links.</summary>
    public const string Route = "/assets";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(4);

    // A new key for each process: links end with it, and each step makes new ones.
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken) => Task.FromResult(Link(path));

    public Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => images.OpenAsync(path, cancellationToken);

    /// <summary>Serves the file of a link.</summary>
    public IResult Serve(HttpContext http, string path)
    {
        var expires = http.Request.Query["expires"].ToString();
        var given = Encoding.ASCII.GetBytes(http.Request.Query["sig"].ToString());
        if (!CryptographicOperations.FixedTimeEquals(given, Encoding.ASCII.GetBytes(Sign(path, expires)))) return Results.StatusCode(403);
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until) || until < time.GetUtcNow().ToUnixTimeSeconds())
            return Results.StatusCode(403);
        return images.PathOf(path) is { } file ? Results.File(file, enableRangeProcessing: true) : Results.NotFound();
    }

    private AssetLink Link(string path)
    {
        if (images.PathOf(path) is null) return new(null, ImageFiles.Missing(path));
        if (!network.Value.AllowLoopback)
        {
            return new(null, $"The image '{path}' lies on this machine, where RunComfy can't fetch it: put it on the web and give its https URL, or set Storage:Blobs to storage in Azure, from where RunComfy can fetch it.");
        }
        var expires = (time.GetUtcNow() + Lifetime).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        return new(new Uri($"{address.Public}{Route}/{escaped}?expires={expires}&sig={Sign(path, expires)}"), null);
    }

    private string Sign(string path, string expires) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{expires}\n{path}")));
}
