using Microsoft.Extensions.Configuration;

namespace KlingFunctions.Triggers;

/// <summary>Under which address this app is reached, for jobs that did not come by HTTP. The platform says it in an app setting.</summary>
public sealed class PublicAddress(IConfiguration configuration)
{
    /// <summary>Scheme and host, without a slash at the end.</summary>
    public string Value { get; } = configuration["WEBSITE_HOSTNAME"] is not { Length: > 0 } host ? "http://localhost:7071"
        : host.StartsWith("localhost", StringComparison.OrdinalIgnoreCase) || host.StartsWith("127.0.0.1", StringComparison.Ordinal) ? $"http://{host}"
        : $"https://{host}";
}
