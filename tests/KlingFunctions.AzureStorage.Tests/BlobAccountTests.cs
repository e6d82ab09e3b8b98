using Azure.Identity;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobAccountTests
{
    private const string Key = "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50";

    [Theory]
    [InlineData("https://films.blob.core.windows.net")]
    [InlineData("https://films.blob.core.windows.net/")]
    [InlineData("https://films.z01.blob.storage.azure.net")]
    [InlineData("https://127.0.0.1:10000/devstoreaccount1")]
    [InlineData("UseDevelopmentStorage=true")]
    [InlineData($"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={Key};BlobEndpoint=http://127.0.0.1:10000/a;")]
    [InlineData($"AccountName=a;AccountKey={Key};BlobEndpoint=http://localhost:10000/a")]
    public void Service_URI_and_local_Azurite_connection_string_are_accepted(string setting) => Assert.Null(BlobAccount.Fault(setting));

    [Theory]
    [InlineData(null, "missing")]
    [InlineData("", "missing")]
    [InlineData(" ", "missing")]
    [InlineData("films", "neither")]
    [InlineData("https://", "neither")]
    [InlineData($"AccountKey={Key}", "neither")]
    [InlineData("ftp://films.blob.core.windows.net", "not a URI")]
    [InlineData("http://films.blob.core.windows.net", "https")]
    [InlineData("http://127.0.0.1:10000/devstoreaccount1", "connection string")]
    [InlineData("https://films.blob.core.windows.net/videos", "the service's own URI")]
    [InlineData($"https://films.blob.core.windows.net/?sv=2025-11-05&sig={Key}", "identity")]
    [InlineData($"https://me:{Key}@films.blob.core.windows.net", "identity")]
    [InlineData($"DefaultEndpointsProtocol=https;AccountName=films;AccountKey={Key};EndpointSuffix=core.windows.net", "URI of the Blob service")]
    [InlineData($"BlobEndpoint=https://films.blob.core.windows.net;SharedAccessSignature=sv=2025-11-05&sig={Key}", "URI of the Blob service")]
    [InlineData($"AccountName=a;AccountKey={Key};BlobEndpoint=http://10.0.0.7:10000/a", "URI of the Blob service")]
    public void Other_value_is_refused_with_its_key_and_without_a_secret(string? setting, string part)
    {
        var fault = BlobAccount.Fault(setting);
        Assert.Contains("Storage:Blobs", fault, StringComparison.Ordinal);
        Assert.Contains(part, fault, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("IDENTITY_ENDPOINT")]
    [InlineData("MSI_ENDPOINT")]
    public void In_Azure_only_the_managed_identity_is_used(string variable)
    {
        Assert.IsType<ManagedIdentityCredential>(AzureCredential.For(Settings((variable, "http://127.0.0.1:41111/msi/token"))));
        Assert.IsType<ManagedIdentityCredential>(AzureCredential.For(
            Settings((variable, "http://127.0.0.1:41111/msi/token"), ("AZURE_CLIENT_ID", "33333333-3333-3333-3333-333333333333"))));
    }

    [Fact]
    public void Outside_Azure_the_developers_sign_in_is_used() => Assert.IsType<DefaultAzureCredential>(AzureCredential.For(Settings()));

    private static IConfiguration Settings(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build();
}
