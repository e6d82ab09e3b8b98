using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Network;

/// <summary>Outbound connections of the pipeline. Bound from the section <c>Network</c>.</summary>
public sealed record NetworkOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Network";

    /// <summary>
    /// Allows loopback addresses, and plain http to them: for demos and tests on one machine. Other addresses that are not public are never
    /// allowed. Default <see langword="false"/>.
    /// </summary>
    public bool AllowLoopback { get; init; }

    /// <summary>
    /// An HTTP proxy for every outbound call: RunComfy, images, results and webhooks. Null: direct connections, whatever the environment
    /// says. User name and password may precede the host; they are never logged.
    /// </summary>
    public string? Proxy { get; init; }
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class NetworkOptionsValidator : IValidateOptions<NetworkOptions>
{
    public ValidateOptionsResult Validate(string? name, NetworkOptions options)
    {
        if (string.IsNullOrEmpty(options.Proxy)) return ValidateOptionsResult.Success;
        var isProxy = Uri.TryCreate(options.Proxy, UriKind.Absolute, out var proxy) && proxy.Scheme is "http" or "https" && proxy.Host.Length > 0
            && proxy.AbsolutePath == "/" && proxy.Query.Length == 0 && proxy.Fragment.Length == 0;
        // The value may contain a password, so it is not shown.
        return isProxy
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                "Network:Proxy is not the address of an HTTP proxy: it should look like http://proxy.example.com:3128, or http://user:password@proxy.example.com:3128.");
    }
}
