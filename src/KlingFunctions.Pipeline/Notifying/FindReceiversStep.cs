using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Of what the receivers are to be told.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Run">Which run of it.</param>
/// <param name="OwnHost">The host of the request's own webhook; null if it has none.</param>
/// <param name="Type">The event's type.</param>
/// <param name="End">How its end is named in ids; null from an older version: job and run then do.</param>
public sealed record ReceiversInput(string JobId, int Run, string? OwnHost, string Type, string? End = null);

/// <summary>Finds out who is to be told of a job's end: the request's own webhook, and the subscriptions of that moment.</summary>
public sealed partial class FindReceiversStep(ISubscriptions subscriptions, DeliverySchedule schedule, ILogger<FindReceiversStep> logger)
{
    internal const string OwnWebhook = "webhook";

    /// <summary>The receivers, by host: their URLs stay where they are.</summary>
    public async Task<IReadOnlyList<Receiver>> RunAsync(ReceiversInput input, CancellationToken cancel)
    {
        // Every job that ends comes by here, once.
        KlingTelemetry.Ended.Add(1, new KeyValuePair<string, object?>("type", input.Type));
        LogEnded(logger, input.JobId, input.Type);
        var first = schedule.DelayAfter(0) is { Ticks: > 0 } delay ? delay : (TimeSpan?)null;
        var receivers = new List<Receiver>();
        if (input.OwnHost is { } own) receivers.Add(To(OwnWebhook, own));
        foreach (var subscription in await subscriptions.ListAsync(cancel))
        {
            if (subscription.Events.Count == 0 || subscription.Events.Contains(input.Type)) receivers.Add(To(subscription.Id, new Uri(subscription.Url).Authority));
        }
        return receivers;

        Receiver To(string id, string host) => new(id, host, $"ntf_{input.End ?? $"{input.JobId}_{input.Run}"}_{id}", first);
    }

    [LoggerMessage(LogLevel.Information, "Job {JobId} has ended: {Type}.")]
    private static partial void LogEnded(ILogger logger, string jobId, string type);
}
