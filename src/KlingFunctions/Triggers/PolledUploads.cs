#if DEBUG
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Requests.Uploads;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Triggers;

/// <summary>
/// <see cref="UploadedAsset"/> for Azurite, which sends no events: the container is polled. Debug builds alone have it, which is what
/// <c>func start</c> builds; a deployment is a release build. Flex Consumption takes no trigger of this kind, and never sees one.
/// </summary>
public sealed class PolledUploads(UploadIntake intake, PublicAddress address)
{
    /// <summary>By scanning the container.</summary>
    [Function(nameof(PolledUploads))]
    public Task RunAsync(
        [BlobTrigger($"{Containers.Uploads}/{{name}}", Source = BlobTriggerSource.LogsAndContainerScan)] BlobClient blob,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancel) => intake.TakeAsync(blob.Name, address.Value, cancel);
}
#endif
