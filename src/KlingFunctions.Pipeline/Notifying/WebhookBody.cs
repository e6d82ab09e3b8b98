using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The body of a webhook, after Standard Webhooks 1.0.</summary>
/// <param name="Type">What has happened: one of <see cref="EventTypes"/>.</param>
/// <param name="Timestamp">When (UTC).</param>
/// <param name="Data">The job.</param>
public sealed record WebhookBody(string Type, DateTimeOffset Timestamp, VideoResource Data)
{
    /// <summary>The body of a notification as UTF-8 JSON: byte for byte the same in every try, for it follows from recorded data alone.</summary>
    public static byte[] Of(Notification notification)
    {
        var snapshot = new JobSnapshot(notification.Job, notification.State, IsRunning: false, []);
        var body = new WebhookBody(EventTypes.Of(notification.State.Status), notification.EndedAt, VideoResource.Of(snapshot, notification.Job.BaseUrl));
        return JsonSerializer.SerializeToUtf8Bytes(body, PipelineJson.Default.WebhookBody);
    }
}
