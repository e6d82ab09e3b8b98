using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage;

/// <summary>Registers the ports on Blob Storage, in the account that <c>Storage:Blobs</c> names.</summary>
public static class AzureStorageServices
{
    /// <summary>Adds every storage port, and the index of jobs.</summary>
    public static IServiceCollection AddAzureStores(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddAccount(configuration, Containers.All);
        services.AddSingleton<IDocuments, BlobDocuments>().AddSingleton<ISubmissionLedger, BlobLedger>();
        services.AddSingleton<IVideoStore, BlobVideoStore>();
        services.AddSingleton<IAssetLinks>(s => new RoutedAssetLinks(LinksTo(Containers.Images, s), LinksTo(Containers.Uploads, s)));
        services.AddSingleton<IUploads, BlobUploads>().AddSingleton<IAssetStore, BlobAssets>();
        return services.AddSingleton<BlobJobIndex>();
    }

    /// <summary>
    /// Adds only the video store, for a host that stores everything else itself; and, under the key <see cref="Containers.Images"/>, links
    /// to the images in that container.
    /// </summary>
    public static IServiceCollection AddBlobVideos(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddAccount(configuration, [Containers.Videos, Containers.Images]);
        return services.AddSingleton<IVideoStore, BlobVideoStore>().AddKeyedSingleton<IAssetLinks>(Containers.Images, (s, _) => LinksTo(Containers.Images, s));
    }

    private static BlobAssetLinks LinksTo(string container, IServiceProvider services) => ActivatorUtilities.CreateInstance<BlobAssetLinks>(services, container);

    private static void AddAccount(this IServiceCollection services, IConfiguration configuration, IReadOnlyList<string> containers)
    {
        services.AddOptions<StorageOptions>().Bind(configuration.GetSection(StorageOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<StorageOptions>, BlobsSettingValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(s => BlobAccount.Open(s.GetRequiredService<IOptions<StorageOptions>>().Value.Blobs!, configuration));
        services.AddSingleton<BlobLinks>();
        services.AddSingleton(new NeededContainers(containers)).AddHostedService<ContainerSetup>();
    }
}
