using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace KlingFunctions.Pipeline.Telemetry;

/// <summary>The activity source and the meter, both named <c>KlingFunctions</c>, for a host's OpenTelemetry set-up.</summary>
/// <remarks>Names and units follow OpenTelemetry's conventions. docs/operations.md explains each metric.</remarks>
public static class KlingTelemetry
{
    /// <summary>The name of source and meter.</summary>
    public const string Name = "KlingFunctions";

    /// <summary>Spans for the acceptance of a job and, on one machine, for each step; on Azure the worker makes the steps' spans.</summary>
    public static readonly ActivitySource Source = new(Name);

    /// <summary>The meter for all metrics below.</summary>
    public static readonly Meter Meter = new(Name);

    /// <summary>Jobs accepted.</summary>
    public static readonly Counter<long> Accepted = Meter.CreateCounter<long>("kling.jobs.accepted", "{job}", "Jobs accepted.");

    /// <summary>Jobs ended, by the <c>type</c> of the event, and by the error's code as <c>error.type</c>.</summary>
    public static readonly Counter<long> Ended = Meter.CreateCounter<long>("kling.jobs.ended", "{job}", "Jobs ended.");

    /// <summary>From acceptance to the end of a job that was not resumed, by <c>type</c>.</summary>
    public static readonly Histogram<double> JobDuration = Seconds(
        "kling.job.duration", "Time from the acceptance of a job to its end.", 10, 30, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1800, 3600, 7200, 86_400);

    /// <summary>The time of requests in RunComfy's queue.</summary>
    public static readonly Histogram<double> QueueDuration = Seconds(
        "kling.queue.duration", "Time that a request waited in RunComfy's queue.", 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200);

    /// <summary>RunComfy's generation time.</summary>
    public static readonly Histogram<double> RunDuration = Seconds(
        "kling.run.duration", "Time that RunComfy took to generate.", 10, 20, 30, 45, 60, 75, 90, 120, 150, 180, 240, 300, 450, 600, 900, 1800);

    /// <summary>Paid submissions that RunComfy accepted.</summary>
    public static readonly Counter<long> Submitted = Meter.CreateCounter<long>("kling.submissions", "{request}", "Submissions accepted by RunComfy.");

    /// <summary>Submissions that may or may not have been accepted.</summary>
    public static readonly Counter<long> InDoubt = Meter.CreateCounter<long>("kling.submissions.in_doubt", "{request}", "Submissions in doubt.");

    /// <summary>
    /// The price of accepted submissions, by <c>currency</c> and by the <c>source</c> of the price: <c>simulator</c> is not real money.
    /// </summary>
    public static readonly Counter<double> Spent = Meter.CreateCounter<double>("kling.spent", "{currency_unit}", "Price of the accepted submissions.");

    /// <summary>Status polls, by <c>result</c>.</summary>
    public static readonly Counter<long> Polls = Meter.CreateCounter<long>("kling.polls", "{request}", "Status polls.");

    /// <summary>The age of a result when a poll found it.</summary>
    public static readonly Histogram<double> PollLateness = Seconds(
        "kling.poll.lateness", "Time from the end of a generation to the poll that found it.", 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 300, 3600);

    /// <summary>Bytes copied into the store.</summary>
    public static readonly Counter<long> StoredBytes = Meter.CreateCounter<long>("kling.stored", "By", "Bytes copied into the store.");

    /// <summary>Tries to deliver a webhook, by <c>state</c>.</summary>
    public static readonly Counter<long> Deliveries = Meter.CreateCounter<long>("kling.deliveries", "{request}", "Tries to deliver a webhook.");

    /// <summary>From the end of a job to the delivery of a webhook.</summary>
    public static readonly Histogram<double> DeliveryDelay = Seconds(
        "kling.delivery.delay", "Time from the end of a job to the delivery of its webhook.", 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43_200, 86_400, 259_200);

    private static Histogram<double> Seconds(string name, string description, params double[] buckets) =>
        Meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = buckets });
}
