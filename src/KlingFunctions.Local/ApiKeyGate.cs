using System.Net;
using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Page;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>
/// Guards every route except health, signed links and the page. With <c>Local:ApiKey</c> set, each call needs it, in the header that Azure
/// Functions uses too. Without a key only this machine may call, and no web page of another site in a browser on this machine.
/// </summary>
internal sealed class ApiKeyGate(RequestDelegate next, IOptions<LocalOptions> options)
{
    // The routes of signed links check their signatures. The page contains no data, and asks for the key itself.
    private static readonly string[] Open = [RouteTable.Health, LinkSigner.Route, Uploads.SignedAssetLinks.Route, PageRoutes.Files];

    private readonly byte[]? _key = options.Value.ApiKey is { Length: > 0 } key ? SHA256.HashData(Encoding.UTF8.GetBytes(key)) : null;

    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Path == "/" || (!ServiceRoutes.IsDeep(http.Request) && Open.Any(open => http.Request.Path.StartsWithSegments(open)))) return next(http);
        if (_key is not null)
        {
            var given = http.Request.Headers["x-functions-key"].ToString();
            if (given.Length > 0 && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), _key)) return next(http);
            return Problem.Result(401, ProblemCode.Unauthorized, "This host has a key (Local:ApiKey): send it in the header 'x-functions-key'.").ExecuteAsync(http);
        }
        if (!IsLoopback(http.Request.Host.Host))
            return Problem.Result(403, ProblemCode.ForbiddenHost, "Without Local:ApiKey this host answers only to loopback names, such as 127.0.0.1 or localhost.").ExecuteAsync(http);
        if (http.Request.Headers["Sec-Fetch-Site"].ToString() is "cross-site")
            return Problem.Result(403, ProblemCode.CrossSite, "Without Local:ApiKey this host does not answer pages of other sites.").ExecuteAsync(http);
        return next(http);
    }

    internal static bool IsLoopback(string host) =>
        host is "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
