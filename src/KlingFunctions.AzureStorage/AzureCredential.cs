using Azure.Core;
using Azure.Identity;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.AzureStorage;

/// <summary>The identity of this process towards Azure.</summary>
public static class AzureCredential
{
    /// <summary>
    /// In Azure, which sets one of two variables, only the managed identity (of <c>AZURE_CLIENT_ID</c>, if that is set): another identity
    /// of a credential chain may have other rights. Elsewhere the developer's sign-in.
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
