using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Reads the setting <c>Storage:Blobs</c>: the URI of a Blob service, opened with an identity, or the connection string of an Azurite on
/// this machine. An account key gives everyone who sees it full access, so none is accepted for an account in Azure.
/// </summary>
internal static class BlobAccount
{
    private const string UriForm = "https://ACCOUNT.blob.core.windows.net";

    /// <summary>One sentence that says what is wrong with the setting, without repeating its value; null if the setting is valid.</summary>
    public static string? Fault(string? setting)
    {
        if (string.IsNullOrWhiteSpace(setting))
            return $"Storage:Blobs is missing: set it to the URI of the Blob service, like {UriForm}, or to UseDevelopmentStorage=true for an Azurite on this machine.";
        return IsUri(setting) ? UriFault(setting) : ConnectionStringFault(setting);
    }

    /// <summary>Opens a client for a valid setting.</summary>
    /// <param name="setting">The value of <c>Storage:Blobs</c>.</param>
    /// <param name="configuration">Shows whether this process runs in Azure: see <see cref="AzureCredential"/>.</param>
    public static BlobServiceClient Open(string setting, IConfiguration configuration) => IsUri(setting)
        ? new(new Uri(setting), AzureCredential.For(configuration), ClientOptions())
        : new(setting, ClientOptions());

    // Azurite supports this version since 3.35, and no newer feature is used here.
    internal static BlobClientOptions ClientOptions() => new(BlobClientOptions.ServiceVersion.V2025_11_05);

    private static bool IsUri(string setting) => Uri.TryCreate(setting, UriKind.Absolute, out _);

    private static string? UriFault(string setting)
    {
        var uri = new Uri(setting);
        if (uri.Scheme is not ("https" or "http"))
            return $"Storage:Blobs is not a URI: it should look like {UriForm}.";
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
            return $"Storage:Blobs carries a signature or a password: give the bare URI, like {UriForm}, and let an identity open it.";
        if (uri.Scheme == Uri.UriSchemeHttp)
        {
            return uri.IsLoopback
                ? "Storage:Blobs is an http URI, and no identity is shown over http: for an Azurite on this machine give a connection string, such as UseDevelopmentStorage=true."
                : $"Storage:Blobs uses http, which would show everything to everyone on the way: use https, like {UriForm}.";
        }

        // Only Azurite has the account in the path.
        return uri.AbsolutePath == "/" || uri.IsLoopback
            ? null
            : $"Storage:Blobs names something within the Blob service: give the service's own URI, like {UriForm}.";
    }

    private static string? ConnectionStringFault(string setting)
    {
        Uri endpoint;
        try
        {
            endpoint = new BlobServiceClient(setting).Uri;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            // The exception may repeat the setting with its key, so it is dropped.
            return $"Storage:Blobs is neither a URI, like {UriForm}, nor a connection string that can be read, like UseDevelopmentStorage=true.";
        }

        return endpoint.IsLoopback
            ? null
            : $"Storage:Blobs is a connection string for storage that is not on this machine: give the URI of the Blob service instead, like {UriForm}, and give the identity that runs this the role {ContainerSetup.Role}.";
    }
}
