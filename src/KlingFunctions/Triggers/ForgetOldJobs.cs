using KlingFunctions.Pipeline;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Triggers;

/// <summary>Forgets, once an hour, jobs that ended longer than <c>Pipeline:KeepFor</c> ago.</summary>
public sealed class ForgetOldJobs(OldJobs oldJobs)
{
    /// <summary>At 17 minutes past: on the hour everyone's timers run.</summary>
    [Function(nameof(ForgetOldJobs))]
    public Task RunAsync([TimerTrigger("0 17 * * * *")] string timer, [DurableClient] DurableTaskClient client, CancellationToken cancel) =>
        oldJobs.ForgetAsync(cancel);
}
