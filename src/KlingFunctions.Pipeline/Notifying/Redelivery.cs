using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Decides whether the notifications of a job can be sent again, and does it.</summary>
public sealed class Redelivery(IJobs jobs, FindReceiversStep receivers)
{
    /// <summary>
    /// Sends again what was given up, and for the first time what no receiver was found for when the job ended. If there is neither, delivered
    /// notifications are sent once more; receivers recognise them by their id.
    /// </summary>
    public async Task<JobActionOutcome> RedeliverAsync(string id, CancellationToken cancellationToken)
    {
        if (await jobs.GetAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        if (!snapshot.State.HasEnded()) return Refused("The job has not ended yet: its receivers are notified when it does.");

        var isStarted = await StartAsync(snapshot, cancellationToken, DeliveryState.DeadLetter, DeliveryState.Gone);
        var again = snapshot.Job with { From = Station.Notify, State = snapshot.State, Carried = new() };
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
