using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>Where videos are stored, and their size limit. Section <c>Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Storage";

    /// <summary>
    /// The largest file that is stored, in bytes: 1 to 1 TiB. The default is 2 GiB, the limit of RunComfy's own command line.
    /// </summary>
    public long MaxVideoBytes { get; set; } = 2_147_483_648;

    /// <summary>
    /// Blob Storage for videos: a connection string, or the service's URI to use with an identity. Null for the host's default.
    /// </summary>
    public string? Blobs { get; set; }
}

/// <summary>Stops the start with one sentence for each wrong setting, naming its key.</summary>
internal sealed class StorageOptionsValidator : IValidateOptions<StorageOptions>
{
    private const long Most = 1L << 40;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, StorageOptions options) => options.MaxVideoBytes is > 0 and <= Most
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"Storage:MaxVideoBytes is {options.MaxVideoBytes}: it should be a number of bytes between 1 and {Most}, such as 2147483648 for 2 GiB.");
}
