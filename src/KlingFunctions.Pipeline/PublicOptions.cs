using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline;

/// <summary>The public address of this host. Section <c>Public</c>.</summary>
public sealed class PublicOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Public";

    /// <summary>
    /// The base address of links in webhooks and in jobs from uploads, without a trailing slash. Null: the address of the request that
    /// started the job; for uploads, the address on which the host listens. On Azure the platform's host name is the default.
    /// </summary>
    public string? Url { get; set; }
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class PublicOptionsValidator : IValidateOptions<PublicOptions>
{
    public ValidateOptionsResult Validate(string? name, PublicOptions options) =>
        options.Url is null || (Uri.TryCreate(options.Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            && url.Query.Length == 0 && url.Fragment.Length == 0 && url.UserInfo.Length == 0 && !options.Url.EndsWith('/'))
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"Public:Url must be the address of this host as the world knows it, without a slash at the end, such as https://videos.example.com: '{options.Url}' is not.");
}
