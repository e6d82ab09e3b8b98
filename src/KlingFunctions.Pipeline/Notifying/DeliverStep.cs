using System.Text;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>One try to deliver a notification: the same body under the same <c>webhook-id</c> each time.</summary>
internal sealed partial class DeliverStep(
    WebhookSender sender, DeliverySchedule schedule, IJobs jobs, Subscriptions subscriptions, DeadLetters deadLetters, TimeProvider time,
    ILogger<DeliverStep> logger)
{
    /// <summary>Makes the try.</summary>
    /// <returns>Its outcome, with the delay before the next try.</returns>
    public async Task<DeliveryOutcome> RunAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        var (outcome, isNew) = await TryAsync(delivery, cancellationToken);
        if (isNew) KlingTelemetry.Deliveries.Add(1, new KeyValuePair<string, object?>("state", outcome.State.ToString()));
        return outcome;
    }

    /// <summary>The outcome; and false if a former run of the same step had counted it: an alert counts dead letters.</summary>
    private async Task<(DeliveryOutcome Outcome, bool IsNew)> TryAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        var notification = delivery.Notification;
        var (id, receiver) = (notification.Receiver.NotificationId, notification.Receiver);
        var isOwn = receiver.Id == FindReceiversStep.OwnWebhook;
        var (url, header) = isOwn
            ? await jobs.GetJobAsync(notification.About, cancellationToken) is { Request: var request } ? (request.WebhookUrl, request.WebhookHeader) : default
            : await subscriptions.FindAsync(receiver.Id, cancellationToken) is { } subscription ? (subscription.Url, subscription.Header) : default;
        if (url is null) return (new(DeliveryState.Gone, Reason: "The subscription of this receiver was deleted."), true);

        var body = WebhookBody.Of(notification);
        var trace = JobTrace.Outgoing(notification.Job?.TraceParent);
        var attempt = await sender.SendAsync(new Uri(url), notification.MessageId, body, header, trace, cancellationToken);
        switch (attempt)
        {
            case DeliveryAttempt.Delivered:
                KlingTelemetry.DeliveryDelay.Record((time.GetUtcNow() - notification.EndedAt).TotalSeconds);
                // The notification is delivered: a failure to delete its dead letter must not send it again.
                await AfterwardsAsync(id, () => deadLetters.RemoveAsync(id, cancellationToken));
                return (new(DeliveryState.Delivered), true);
            case DeliveryAttempt.Gone when isOwn:
                return (new(DeliveryState.Gone, Reason: "The receiver answered 410: it wants no more webhooks."), true);
            case DeliveryAttempt.Gone:
                await AfterwardsAsync(id, () => subscriptions.RemoveAsync(receiver.Id, cancellationToken));
                return (new(DeliveryState.Gone, Reason: "The receiver answered 410: its subscription is deleted."), true);
            case DeliveryAttempt.Failed failed when schedule.DelayAfter(delivery.Attempt, failed.RetryAfter) is { } delay:
                return (new(DeliveryState.Pending, delay, failed.Reason), true);
            case DeliveryAttempt.Failed failed:
                var letter = new DeadLetter(
                    id, notification.About, receiver.Host, failed.Reason, Encoding.UTF8.GetString(body), time.GetUtcNow(), delivery.Since);
                return (new(DeliveryState.DeadLetter, Reason: failed.Reason), await deadLetters.AddAsync(letter, cancellationToken));
            default:
                throw new InvalidOperationException("An outcome of the sender is not handled.");
        }
    }

    private async Task AfterwardsAsync(string id, Func<Task> cleanUp)
    {
        try
        {
            await cleanUp();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogNotCleanedUp(logger, e, id);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The notification {NotificationId} has ended, but its dead letter or its subscription could not be removed.")]
    private static partial void LogNotCleanedUp(ILogger logger, Exception e, string notificationId);
}
