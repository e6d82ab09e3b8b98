using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Under which address the caller reached this host: links are built on it, so that they work for the caller too.</summary>
internal static class BaseUrl
{
    /// <summary>Scheme, host and path base, without a slash at the end.</summary>
    public static string Of(HttpRequest request) => $"{request.Scheme}://{request.Host}{request.PathBase}";
}
