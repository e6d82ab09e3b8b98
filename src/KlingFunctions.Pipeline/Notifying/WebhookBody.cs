using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The body of a webhook, after Standard Webhooks 1.0.</summary>
/// <param name="Type">The event: one of <see cref="EventTypes"/>.</param>
/// <param name="Timestamp">When it occurred (UTC).</param>
/// <param name="Data">The job.</param>
public sealed record WebhookBody(string Type, DateTimeOffset Timestamp, VideoResource Data)
{
    /// <summary>
    /// The body of a notification as UTF-8 JSON: made of recorded data alone, and so byte for byte the same in every try.
    /// </summary>
    public static byte[] Of(Notification notification)
    {
        if (notification.Batch is { } batch)
            return JsonSerializer.SerializeToUtf8Bytes(new BatchWebhookBody(EventTypes.BatchFinished, notification.EndedAt, batch), PipelineJson.Default.BatchWebhookBody);
        var (job, state) = (notification.Job!, notification.State!);
        var body = new WebhookBody(EventTypes.Of(state.Status), notification.EndedAt, VideoResource.Of(new(job, state, IsRunning: false, []), job.BaseUrl));
        return JsonSerializer.SerializeToUtf8Bytes(body, PipelineJson.Default.WebhookBody);
    }
}

/// <summary>The body of the webhook for a finished batch.</summary>
/// <param name="Type"><see cref="EventTypes.BatchFinished"/>.</param>
/// <param name="Timestamp">When (UTC).</param>
/// <param name="Data">The batch.</param>
public sealed record BatchWebhookBody(string Type, DateTimeOffset Timestamp, BatchResource Data);
