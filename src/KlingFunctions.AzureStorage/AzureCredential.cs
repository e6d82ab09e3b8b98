using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.AzureStorage;

/// <summary>As whom this process speaks to Azure.</summary>
public static class AzureCredential
{
    /// <summary>
    /// In Azure, which sets one of two variables, the managed identity (of <c>AZURE_CLIENT_ID</c>, if that is set) and nothing else: what a
    /// chain finds besides may have other rights. Elsewhere whatever the developer is signed in with.
    /// </summary>
    public static TokenCredential For(IConfiguration configuration)
    {
        var inAzure = !string.IsNullOrEmpty(configuration["IDENTITY_ENDPOINT"]) || !string.IsNullOrEmpty(configuration["MSI_ENDPOINT"]);
        if (!inAzure) return new DefaultAzureCredential();
        return new ManagedIdentityCredential(configuration["AZURE_CLIENT_ID"] is { Length: > 0 } clientId
            ? ManagedIdentityId.FromUserAssignedClientId(clientId)
            : ManagedIdentityId.SystemAssigned);
    }
}
