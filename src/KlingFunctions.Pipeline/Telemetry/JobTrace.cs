using System.Diagnostics;

namespace KlingFunctions.Pipeline.Telemetry;

/// <summary>
/// The trace of a job. It begins with the call or the upload that started the job. The job stores it as a W3C <c>traceparent</c>, because
/// it outlives that call: steps after a restart, later calls and the webhooks join it.
/// </summary>
public static class JobTrace
{
    private const string InstanceId = "kling.instance_id";

    /// <summary>The current span as a <c>traceparent</c>; null if there is none.</summary>
    public static string? Current => Activity.Current is { IdFormat: ActivityIdFormat.W3C } current ? current.Id : null;

    /// <summary>Starts a span of an instance, as a child of the current one; null without a listener.</summary>
    public static Activity? Start(string name, string instanceId) => Tag(KlingTelemetry.Source.StartActivity(name), instanceId);

    /// <summary>Starts a span of an instance in its stored trace; null without a listener.</summary>
    /// <param name="name">The span's name.</param>
    /// <param name="instanceId">The id of the instance.</param>
    /// <param name="traceParent">Its trace; null: the span begins one.</param>
    public static Activity? Continue(string name, string instanceId, string? traceParent) =>
        Tag(KlingTelemetry.Source.StartActivity(name, ActivityKind.Internal, traceParent), instanceId);

    /// <summary>
    /// Starts a span in the trace of a job for a later call, and links it with that call's own trace; null without a listener.
    /// </summary>
    /// <param name="name">The span's name.</param>
    /// <param name="jobId">The id of the job.</param>
    /// <param name="traceParent">The job's stored trace; null: the span is a child of the call's.</param>
    public static Activity? Rejoin(string name, string jobId, string? traceParent)
    {
        var call = Activity.Current?.Context;
        if (!ActivityContext.TryParse(traceParent, traceState: null, out var job) || job.TraceId == call?.TraceId) return Start(name, jobId);
        return Tag(KlingTelemetry.Source.StartActivity(name, ActivityKind.Internal, job, links: call is { } caller ? [new(caller)] : null), jobId);
    }

    /// <summary>Links the current span with the trace of an existing job.</summary>
    public static void Link(string? traceParent)
    {
        if (ActivityContext.TryParse(traceParent, traceState: null, out var job) && job.TraceId != Activity.Current?.TraceId) Activity.Current?.AddLink(new(job));
    }

    /// <summary>
    /// The <c>traceparent</c> of a message about a job: the current span if it is in the job's trace. It is not without a listener, or if
    /// the engine began a trace of its own.
    /// </summary>
    public static string? Outgoing(string? traceParent) =>
        ActivityContext.TryParse(traceParent, traceState: null, out var job) && job.TraceId != Activity.Current?.TraceId ? traceParent : Current;

    /// <summary>Sets the id of an instance as a span's tag.</summary>
    public static Activity? Tag(Activity? span, string instanceId) => span?.SetTag(InstanceId, instanceId);
}
