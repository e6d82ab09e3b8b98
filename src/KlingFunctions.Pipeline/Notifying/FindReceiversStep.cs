using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Which job has ended, and how.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Run">Which run of it.</param>
/// <param name="OwnHost">The host of the request's own webhook; null if it has none.</param>
/// <param name="Type">The event's type.</param>
/// <param name="IsRepeat">True if the end was counted before, and only receivers are looked for; null otherwise.</param>
public sealed record ReceiversInput(string JobId, int Run, string? OwnHost, string Type, bool? IsRepeat = null)
{
    /// <summary>The input for a job that ended in this state.</summary>
    public static ReceiversInput Of(VideoJob job, JobState ended) => new(
        job.Id, job.Run, job.Request.WebhookUrl is { } url ? new Uri(url).Authority : null, EventTypes.Of(ended.Status),
        job.From is Station.Notify ? true : null);
}

/// <summary>Finds the receivers of a job's end: the request's own webhook, and the subscriptions of that moment.</summary>
public sealed partial class FindReceiversStep(
    Subscriptions subscriptions, IDocuments documents, DeliverySchedule schedule, ILogger<FindReceiversStep> logger)
{
    internal const string OwnWebhook = "webhook";

    /// <summary>Finds the receivers, and counts the end of the job once.</summary>
    public async Task<IReadOnlyList<Receiver>> RunAsync(ReceiversInput input, CancellationToken cancellationToken)
    {
        var receivers = await FindAsync(input, cancellationToken);
        if (await IsNewEndAsync(input, cancellationToken))
        {
            KlingTelemetry.Ended.Add(1, new KeyValuePair<string, object?>("type", input.Type));
            LogEnded(logger, input.JobId, input.Type);
        }
        return receivers;
    }

    /// <summary>The receivers, by host: their URLs stay where they are. The own webhook is found whether or not the subscriptions can be read.</summary>
    public async Task<IReadOnlyList<Receiver>> FindAsync(ReceiversInput input, CancellationToken cancellationToken)
    {
        var first = schedule.DelayAfter(0) is { Ticks: > 0 } delay ? delay : (TimeSpan?)null;
        var receivers = new List<Receiver>();
        if (OwnOf(input) is { } own) receivers.Add(own with { After = first });
        try
        {
            foreach (var subscription in await subscriptions.ListAsync(cancellationToken))
            {
                if (subscription.Events.Count == 0 || subscription.Events.Contains(input.Type))
                    receivers.Add(To(input, subscription.Id, new Uri(subscription.Url).Authority) with { After = first });
            }
        }
        catch (Exception e) when (receivers.Count > 0 && !cancellationToken.IsCancellationRequested)
        {
            // Without an own webhook nobody waits, and the step is tried again.
            LogSubscriptionsAway(logger, e, input.JobId);
        }
        return receivers;
    }

    /// <summary>The request's own webhook; null if it has none.</summary>
    internal static Receiver? OwnOf(ReceiversInput input) => input.OwnHost is { } host ? To(input, OwnWebhook, host) : null;

    private static Receiver To(ReceiversInput input, string id, string host) => new(id, host, $"{Notify.IdsBeginWith(input.JobId)}{input.Run}_{id}");

    /// <summary>An alert counts failures, so a step that runs twice writes down that it has counted one. Success is not worth a write.</summary>
    private async Task<bool> IsNewEndAsync(ReceiversInput input, CancellationToken cancellationToken)
    {
        if (input.IsRepeat is true) return false;
        if (input.Type == EventTypes.Of(JobStatus.Succeeded)) return true;
        try
        {
            return await documents.TryWriteAsync($"ledger/{input.JobId}.ended.{input.Run}", "{}", version: null, cancellationToken) is not null;
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    [LoggerMessage(LogLevel.Information, "Job {JobId} has ended: {Type}.")]
    private static partial void LogEnded(ILogger logger, string jobId, string type);

    [LoggerMessage(LogLevel.Error, "The subscriptions can't be read. The own webhook of job {JobId} is notified; redeliver notifies the subscriptions.")]
    private static partial void LogSubscriptionsAway(ILogger logger, Exception e, string jobId);
}
