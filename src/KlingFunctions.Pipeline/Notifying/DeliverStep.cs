using System.Text;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>One try to deliver a notification: the same body under the same <c>webhook-id</c> each time.</summary>
public sealed partial class DeliverStep(
    WebhookSender sender, DeliverySchedule schedule, IJobs jobs, Subscriptions subscriptions, DeadLetters deadLetters, TimeProvider time,
    ILogger<DeliverStep> logger)
{
    /// <summary>What came of it, and when to try again.</summary>
    public async Task<DeliveryOutcome> RunAsync(Delivery delivery, CancellationToken cancel)
    {
        var outcome = await TryAsync(delivery, cancel);
        KlingTelemetry.Deliveries.Add(1, new KeyValuePair<string, object?>("state", outcome.State.ToString()));
        return outcome;
    }

    private async Task<DeliveryOutcome> TryAsync(Delivery delivery, CancellationToken cancel)
    {
        var notification = delivery.Notification;
        var id = notification.Receiver.NotificationId;
        var url = notification.Receiver.Id == FindReceiversStep.OwnWebhook
            ? (await jobs.GetAsync(notification.Job.Id, cancel))?.Job.Request.WebhookUrl
            : (await subscriptions.FindAsync(notification.Receiver.Id, cancel))?.Url;
        if (url is null) return new(DeliveryState.Gone, Reason: "The receiver is not known any more: its subscription was deleted.");

        var body = WebhookBody.Of(notification);
        var attempt = await sender.SendAsync(new Uri(url), notification.MessageId, body, cancel);
        switch (attempt)
        {
            case DeliveryAttempt.Delivered:
                await ForgetDeadLetterAsync(id, cancel);
                return new(DeliveryState.Delivered);
            case DeliveryAttempt.Gone:
                return new(DeliveryState.Gone, Reason: "The receiver answered 410: it wants no more of these.");
            case DeliveryAttempt.Failed failed when schedule.DelayAfter(delivery.Attempt, failed.RetryAfter) is { } delay:
                return new(DeliveryState.Pending, delay, failed.Reason);
            case DeliveryAttempt.Failed failed:
                await deadLetters.AddAsync(
                    new(id, notification.Job.Id, notification.Receiver.Host, failed.Reason, Encoding.UTF8.GetString(body), time.GetUtcNow()), cancel);
                return new(DeliveryState.DeadLetter, Reason: failed.Reason);
            default:
                throw new InvalidOperationException("An outcome of the sender is not handled.");
        }
    }

    private async Task ForgetDeadLetterAsync(string id, CancellationToken cancel)
    {
        try
        {
            await deadLetters.RemoveAsync(id, cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // It is delivered, and must not be sent again because a note about it could not be torn up.
            LogNotForgotten(logger, e, id);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The notification {NotificationId} was delivered, but its dead letter could not be removed.")]
    private static partial void LogNotForgotten(ILogger logger, Exception e, string notificationId);
}
