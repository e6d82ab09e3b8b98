using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace KlingFunctions.Pipeline.Telemetry;

/// <summary>The activity source and the meter, both named <c>KlingFunctions</c>: what a host adds to its OpenTelemetry set-up.</summary>
public static class KlingTelemetry
{
    /// <summary>The name of both.</summary>
    public const string Name = "KlingFunctions";

    /// <summary>One activity for each step of a job, in the trace of the call or the upload that started it.</summary>
    public static readonly ActivitySource Source = new(Name);

    /// <summary>The meter.</summary>
    public static readonly Meter Meter = new(Name);

    /// <summary>Jobs accepted.</summary>
    public static readonly Counter<long> Accepted = Meter.CreateCounter<long>("kling.jobs.accepted", "{job}", "Jobs accepted.");

    /// <summary>Jobs ended, by the <c>type</c> of the event that tells of it.</summary>
    public static readonly Counter<long> Ended = Meter.CreateCounter<long>("kling.jobs.ended", "{job}", "Jobs ended.");

    /// <summary>Paid submissions that RunComfy accepted.</summary>
    public static readonly Counter<long> Submitted = Meter.CreateCounter<long>("kling.submissions", "{request}", "Submissions accepted by RunComfy.");

    /// <summary>Submissions of which it is not known whether they were accepted.</summary>
    public static readonly Counter<long> InDoubt = Meter.CreateCounter<long>("kling.submissions.in_doubt", "{request}", "Submissions in doubt.");

    /// <summary>Status polls, by <c>result</c>.</summary>
    public static readonly Counter<long> Polls = Meter.CreateCounter<long>("kling.polls", "{request}", "Status polls.");

    /// <summary>Bytes copied into the store.</summary>
    public static readonly Counter<long> StoredBytes = Meter.CreateCounter<long>("kling.stored", "By", "Bytes copied into the store.");

    /// <summary>Tries to deliver a webhook, by <c>state</c>.</summary>
    public static readonly Counter<long> Deliveries = Meter.CreateCounter<long>("kling.deliveries", "{request}", "Tries to deliver a webhook.");
}
