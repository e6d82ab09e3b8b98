using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Decides whether the notifications of a job can be sent again, and does so.</summary>
internal sealed class Redelivery(IJobs jobs, FindReceiversStep receivers)
{
    /// <summary>
    /// Sends given-up notifications again, and those whose receivers could not be found when the job ended. If there are neither, delivered
    /// notifications are sent once more; receivers recognise them by their id.
    /// </summary>
    public async Task<JobActionOutcome> RedeliverAsync(string id, CancellationToken cancellationToken)
    {
        if (await jobs.GetSettledAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        if (!snapshot.State.HasEnded()) return Refused("The job has not ended yet: its receivers are notified when it does.");

        using var span = JobTrace.Rejoin("redeliver", id, snapshot.Job.TraceParent);
        var isStarted = await StartAsync(snapshot, cancellationToken, DeliveryState.DeadLetter, DeliveryState.Gone);
        var again = snapshot.Job with { From = Stage.Notify, State = snapshot.State, RunMemo = new() };
        var found = await receivers.FindAsync(ReceiversInput.Of(again, snapshot.State), cancellationToken);
        var isMissing = found.Any(r => snapshot.Notifications.All(n => n.Id != r.NotificationId));
        if (isMissing) isStarted |= await jobs.ResumeAsync(again, cancellationToken);
        if (!isStarted) isStarted = await StartAsync(snapshot, cancellationToken, DeliveryState.Delivered);
        if (isStarted) return new JobActionOutcome.Accepted((await jobs.GetAsync(id, cancellationToken))!);
        return Refused(
            isMissing || snapshot.Notifications.Count > 0 ? "The notifications of this job are still being delivered."
            : "This job has no receivers: it came without a webhook_url, and there is no subscription.");
    }

    private async Task<bool> StartAsync(JobSnapshot snapshot, CancellationToken cancellationToken, params DeliveryState[] states)
    {
        var isStarted = false;
        foreach (var notification in snapshot.Notifications.Where(n => states.Contains(n.State)))
            isStarted |= await jobs.RedeliverAsync(notification.Id, cancellationToken);
        return isStarted;
    }

    private static JobActionOutcome.Refused Refused(string why) => new(ProblemCode.NothingToRedeliver, why);
}
