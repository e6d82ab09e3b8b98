using KlingFunctions.Durable;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Triggers;

/// <summary>Repairs the index of jobs once an hour.</summary>
internal sealed class RepairJobIndex(JobIndexRepair repair)
{
    /// <summary>Together with <see cref="ForgetOldJobs"/>, so that an app scaled to zero starts once for both.</summary>
    [Function(nameof(RepairJobIndex))]
    public Task RunAsync([TimerTrigger("0 17 * * * *")] string timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        repair.RunAsync(cancellationToken);
}
