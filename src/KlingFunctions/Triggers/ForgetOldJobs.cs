using KlingFunctions.Pipeline;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Triggers;

/// <summary>Deletes, once an hour, jobs that ended longer than <c>Pipeline:KeepFor</c> ago.</summary>
public sealed class ForgetOldJobs(OldJobs oldJobs)
{
    /// <summary>Runs at 17 minutes past the hour: on the hour, most other timers run.</summary>
    [Function(nameof(ForgetOldJobs))]
    public Task RunAsync([TimerTrigger("0 17 * * * *")] string timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        oldJobs.ForgetAsync(cancellationToken);
}
