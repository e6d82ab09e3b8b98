using KlingFunctions.Pipeline.Storing;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage;

/// <summary>Stops the start if <c>Storage:Blobs</c> can't be used.</summary>
internal sealed class BlobsSettingValidator : IValidateOptions<StorageOptions>
{
    public ValidateOptionsResult Validate(string? name, StorageOptions options) =>
        BlobAccount.Fault(options.Blobs) is { } fault ? ValidateOptionsResult.Fail(fault) : ValidateOptionsResult.Success;
}
