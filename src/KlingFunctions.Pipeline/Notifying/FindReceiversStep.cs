using System.Diagnostics;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The end of a job.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Run">The number of its run.</param>
/// <param name="OwnHost">The host of the request's own webhook; null if it has none.</param>
/// <param name="Type">The event's type.</param>
/// <param name="IsRepeat">True if the end was counted before, and only receivers are looked for; null otherwise.</param>
/// <param name="End">The name of its end in ids; null from an older version: job and run then serve.</param>
/// <param name="Error">The code of its error; null if it has none.</param>
/// <param name="Took">From its acceptance to its end; null for a resumed job, which also waited for its owner.</param>
public sealed record ReceiversInput(
    string JobId, int Run, string? OwnHost, string Type, bool? IsRepeat = null, string? End = null, string? Error = null, TimeSpan? Took = null)
{
    /// <summary>The input for a job that ended in this state.</summary>
    public static ReceiversInput Of(VideoJob job, JobState ended) => new(
        job.Id, job.Run, job.Request.WebhookUrl is { } url ? new Uri(url).Authority : null, EventTypes.Of(ended.Status),
        job.From is Stage.Notify ? true : null,
        Notify.EndOf(job, ended.Provider?.RequestId), ended.Error?.Code, job.Run == 0 ? ended.UpdatedAt - job.CreatedAt : null);
}

/// <summary>Finds the receivers of a job's end: the request's own webhook, and the present subscriptions.</summary>
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
            Count(input);
            LogEnded(logger, input.JobId, input.Type);
        }
        return receivers;
    }

    private static void Count(ReceiversInput input)
    {
        var tags = new TagList { { "type", input.Type } };
        if (input.Took is { } took) KlingTelemetry.JobDuration.Record(took.TotalSeconds, tags);
        if (input.Error is { } error) tags.Add("error.type", error);
        KlingTelemetry.Ended.Add(1, tags);
    }

    /// <summary>
    /// The receivers, by host: their URLs stay in their store. The own webhook is found even if subscriptions can't be read.
    /// </summary>
    public async Task<IReadOnlyList<Receiver>> FindAsync(ReceiversInput input, CancellationToken cancellationToken)
    {
        var first = schedule.DelayAfter(0) is { Ticks: > 0 } delay ? delay : (TimeSpan?)null;
        var receivers = new List<Receiver>();
        if (OwnOf(input) is { } own) receivers.Add(own with { After = first });
        try
        {
            foreach (var subscription in await subscriptions.ListAsync(cancellationToken))
            {
                if (subscription.Wants(input.Type))
                    receivers.Add(To(input, subscription.Id, new Uri(subscription.Url).Authority) with { After = first });
            }
        }
        catch (Exception e) when (receivers.Count > 0 && !cancellationToken.IsCancellationRequested)
        {
            // Without an own webhook no receiver is delayed, so the step is retried.
            LogSubscriptionsAway(logger, e, input.JobId);
        }
        return receivers;
    }

    /// <summary>The request's own webhook; null if it has none.</summary>
    internal static Receiver? OwnOf(ReceiversInput input) => input.OwnHost is { } host ? To(input, OwnWebhook, host) : null;

    private static Receiver To(ReceiversInput input, string id, string host) => new(id, host, $"ntf_{input.End ?? $"{input.JobId}_{input.Run}"}_{id}");

    /// <summary>An alert counts failures, so the step records that it counted one. Success is not worth a write.</summary>
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
