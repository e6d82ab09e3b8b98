using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Keys for links that work without the host's key. Section <c>Links</c>.</summary>
internal sealed class LinkOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Links";

    /// <summary>The base64 of 32 to 64 random bytes. Without it, a key is made once and stored with the documents.</summary>
    public string? SigningKey { get; set; }

    /// <summary>The previous key, whose links still work during a key rotation.</summary>
    public string? PreviousSigningKey { get; set; }
}

/// <summary>Stops the start with one sentence for each wrong setting, naming its key and never the secret.</summary>
internal sealed class LinkOptionsValidator : IValidateOptions<LinkOptions>
{
    public ValidateOptionsResult Validate(string? name, LinkOptions options)
    {
        List<string> faults = [.. Faults(options)];
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Faults(LinkOptions options)
    {
        const string form = "the base64 of 32 to 64 random bytes, such as 'openssl rand -base64 32' prints";
        if (!string.IsNullOrEmpty(options.SigningKey) && !LinkKeys.TryParse(options.SigningKey, out _))
            yield return $"Links:SigningKey is not a signing key: it should be {form}.";
        if (string.IsNullOrEmpty(options.PreviousSigningKey)) yield break;
        if (!LinkKeys.TryParse(options.PreviousSigningKey, out _))
            yield return $"Links:PreviousSigningKey is not a signing key: it should be {form}.";
        else if (string.IsNullOrEmpty(options.SigningKey))
            yield return "Links:PreviousSigningKey is set without Links:SigningKey: set the new key too, or move this one there.";
    }
}
