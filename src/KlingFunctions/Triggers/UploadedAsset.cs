using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Triggers;

/// <summary>Runs for each blob that arrives in the uploads container. <see cref="UploadIntake"/> makes all decisions.</summary>
public sealed class UploadedAsset(UploadIntake intake, IOptions<PublicOptions> address)
{
    /// <summary>
    /// Triggered by Event Grid, which delivers at least once and in any order. After an exception the host delivers the event again, and in
    /// the end moves it to its poison queue. A bad upload does not throw.
    /// </summary>
    [Function(nameof(UploadedAsset))]
    public Task RunAsync(
        [BlobTrigger($"{Containers.Uploads}/{{name}}", Source = BlobTriggerSource.EventGrid)] BlobClient blob,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellationToken) => intake.AcceptAsync(
            blob.Name, address.Value.Url ?? "http://localhost:7071", mayGrow: false, cancellationToken);

#if DEBUG
    /// <summary>
    /// Scans the container on Azurite, which sends no events. Only debug builds have this function, and <c>func start</c> makes a debug
    /// build. Deployments are release builds: Flex Consumption does not support this kind of trigger.
    /// </summary>
    [Function("PolledUploads")]
    public Task PollAsync(
        [BlobTrigger($"{Containers.Uploads}/{{name}}", Source = BlobTriggerSource.LogsAndContainerScan)] BlobClient blob,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancel) => RunAsync(blob, client, cancel);
#endif
}
