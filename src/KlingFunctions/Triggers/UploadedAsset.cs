using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Triggers;

/// <summary>Takes what lands in the uploads container. What an upload comes to is decided in <see cref="UploadIntake"/>.</summary>
public sealed class UploadedAsset(UploadIntake intake, IOptions<PublicOptions> address)
{
    /// <summary>
    /// By Event Grid, which delivers at least once and in any order. What throws here is delivered again by the host, and in the end lies
    /// in its poison queue; a bad upload does not throw.
    /// </summary>
    [Function(nameof(UploadedAsset))]
    public Task RunAsync(
        [BlobTrigger($"{Containers.Uploads}/{{name}}", Source = BlobTriggerSource.EventGrid)] BlobClient blob,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancel) => intake.TakeAsync(
            blob.Name, address.Value.Url ?? "http://localhost:7071", mayGrow: false, cancel);

#if DEBUG
    /// <summary>
    /// By scanning the container, for Azurite, which sends no events. Debug builds alone have it, which is what <c>func start</c> builds; a
    /// deployment is a release build. Flex Consumption takes no trigger of this kind, and never sees one.
    /// </summary>
    [Function("PolledUploads")]
    public Task PollAsync(
        [BlobTrigger($"{Containers.Uploads}/{{name}}", Source = BlobTriggerSource.LogsAndContainerScan)] BlobClient blob,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancel) => RunAsync(blob, client, cancel);
#endif
}
