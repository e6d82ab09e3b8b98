using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// The address under which the caller reached this host. Links of an answer begin with it, so that they work for this caller; the address of another
/// caller, whose Host header may be anything, is never shown.
/// </summary>
internal static class BaseUrl
{
    /// <summary>Scheme, host and path base, without a slash at the end.</summary>
    public static string Of(HttpRequest request) => $"{request.Scheme}://{request.Host}{request.PathBase}";
}
