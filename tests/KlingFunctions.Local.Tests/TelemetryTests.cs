using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using OpenTelemetry.Trace;

namespace KlingFunctions.Local.Tests;

/// <summary>Traces, metrics and logs of whole jobs.</summary>
public sealed class TelemetryTests : IDisposable
{
    private static readonly string[] Steps = ["Validate", "Submit", "Poll", "Store", "FindReceivers", "Deliver"];

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));
    private readonly ConcurrentQueue<Activity> _spans = [];
    private readonly ActivityListener _listener;

    // The caller's trace identifies the spans of its job among those of other tests in this process.
    private readonly ActivityContext _caller = NewCaller();

    public TelemetryTests()
    {
        _listener = new()
        {
            ShouldListenTo = source => source.Name is KlingTelemetry.Name or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task One_trace_leads_from_the_call_over_a_restart_to_the_webhook()
    {
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMinutes(1) });
        var id = await SubmitAsync(scene);
        await scene.UntilAsync(id, "in_progress");
        await ((LocalHostUnderTest)scene.Host).KillAsync();
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count > 0);
        await scene.Host.RunToRestAsync();

        var spans = _spans.Where(s => s.TraceId == _caller.TraceId).ToList();
        var own = spans.Where(s => s.Source.Name == KlingTelemetry.Name).ToList();
        Assert.Superset(new HashSet<string>([.. Steps, "accept"]), own.Select(s => s.OperationName).ToHashSet());
        Assert.All(own, s => Assert.Contains(id, (string)s.GetTagItem("kling.instance_id")!, StringComparison.Ordinal));
        // Each span has its parent in the trace, up to the caller's span.
        var known = spans.Select(s => s.SpanId).Append(_caller.SpanId).ToHashSet();
        Assert.All(spans, s => Assert.Contains(s.ParentSpanId, known));
        Assert.DoesNotContain(_spans, s => s.TraceId != _caller.TraceId && ((string?)s.GetTagItem("kling.instance_id"))?.Contains(id, StringComparison.Ordinal) is true);

        var context = ActivityContext.Parse(Assert.Single(scene.Receiver.Received).TraceParent!, null);
        Assert.Equal((_caller.TraceId, own.Single(s => s.OperationName == "Deliver").SpanId), (context.TraceId, context.SpanId));
        Assert.All(spans, s => Assert.DoesNotContain("s3cr3t", $"{s.DisplayName} {s.StatusDescription} {string.Join(' ', s.TagObjects)}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Later_calls_join_the_trace_of_the_job_and_link_their_own()
    {
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromDays(1) }, ("Pipeline:Deadline", "00:01:00"));
        var id = await SubmitAsync(scene);
        Assert.Equal("provider_timeout", await scene.FailureAsync(id));
        await scene.Host.RunToRestAsync();
        scene.RunComfy.Behaviour = new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero };
        var (resuming, redelivering, repeating) = (NewCaller(), NewCaller(), NewCaller());
        await PostAsync(scene, $"/api/videos/{id}/resume", resuming);
        await scene.UntilAsync(id, "succeeded");
        await scene.Host.RunToRestAsync();
        await PostAsync(scene, $"/api/videos/{id}/redeliver", redelivering);
        await scene.Host.RunToRestAsync();
        await SubmitAsync(scene, repeating);

        var own = _spans.Where(s => s.Source.Name == KlingTelemetry.Name && s.TraceId == _caller.TraceId).ToList();
        Assert.Equal(resuming.TraceId, Assert.Single(own.Single(s => s.OperationName == "resume").Links).Context.TraceId);
        Assert.Equal(redelivering.TraceId, Assert.Single(own.Single(s => s.OperationName == "redeliver").Links).Context.TraceId);
        Assert.Single(own, s => s.OperationName == "Store");
        Assert.Equal(3, own.Count(s => s.OperationName == "Deliver"));
        Assert.All(scene.Receiver.Received, r => Assert.Contains(_caller.TraceId.ToHexString(), r.TraceParent, StringComparison.Ordinal));
        var repeat = Assert.Single(_spans, s => s.Source.Name == KlingTelemetry.Name && s.TraceId == repeating.TraceId);
        Assert.Equal(_caller.TraceId, Assert.Single(repeat.Links).Context.TraceId);
    }

    [Fact]
    public async Task Metrics_describe_the_job()
    {
        using var measured = new Measurements(_caller.TraceId);
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.FromSeconds(30), RunTime = TimeSpan.FromMinutes(1) });
        scene.Receiver.Answer(500);
        var id = await SubmitAsync(scene);
        var job = await scene.Host.RunUntilAsync(id, j => j.GetProperty("notifications").EnumerateArray().Any(n => n.GetProperty("state").GetString() == "delivered"));

        Assert.Equal(1, measured.Sum("kling.jobs.accepted"));
        Assert.Equal(1, measured.Sum("kling.jobs.ended", ("type", "video.succeeded")));
        Assert.Equal(1, measured.Sum("kling.submissions"));
        Assert.Equal(0, measured.Sum("kling.submissions.in_doubt"));
        var price = job.GetProperty("price");
        Assert.Equal(price.GetProperty("amount").GetDouble(), measured.Sum("kling.spent", ("currency", price.GetProperty("currency").GetString()), ("source", "simulator")), 6);
        Assert.Equal(scene.RunComfy.Account.Calls(ApiCall.Status), measured.Sum("kling.polls"));
        Assert.Equal(1, measured.Sum("kling.polls", ("result", "Succeeded")));
        Assert.Equal(job.GetProperty("video").GetProperty("size_bytes").GetInt64(), measured.Sum("kling.stored"));
        Assert.Equal(1, measured.Sum("kling.deliveries", ("state", "Pending")));
        Assert.Equal(1, measured.Sum("kling.deliveries", ("state", "Delivered")));

        var took = measured.Only("kling.job.duration");
        Assert.Equal((job.GetProperty("updated_at").GetDateTimeOffset() - job.GetProperty("created_at").GetDateTimeOffset()).TotalSeconds, took, 3);
        // RunComfy reports when the request arrived and ended; queue and run together fill the time between.
        Assert.Equal(90, measured.Only("kling.queue.duration") + measured.Only("kling.run.duration"), 3);
        Assert.InRange(measured.Only("kling.queue.duration"), 25, 35);
        Assert.InRange(measured.Only("kling.poll.lateness"), 0, took - 90);
        // The second try comes five seconds after the first.
        Assert.InRange(measured.Only("kling.delivery.delay"), 5, 3600);
    }

    [Fact]
    public async Task Failed_job_is_counted_with_its_error_and_without_cost_if_unpaid()
    {
        using var measured = new Measurements(_caller.TraceId);
        await using var scene = await StartAsync(new() { BalanceUsd = 0 });
        var id = await SubmitAsync(scene);
        Assert.Equal("provider_balance", await scene.FailureAsync(id));

        Assert.Equal(1, measured.Sum("kling.jobs.ended", ("type", "video.failed"), ("error.type", "provider_balance")));
        Assert.Equal(0, measured.Sum("kling.submissions") + measured.Sum("kling.spent"));
    }

    [Fact]
    public async Task Traces_metrics_and_logs_go_to_the_collector_of_the_standard_variables()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        string id, signature;
        await using (var scene = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero },
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_SERVICE_NAME", "studio")))
        {
            id = await SubmitAsync(scene);
            await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count > 0);
            using var signed = await scene.PostAsync("/api/videos", scene.Request(), "k");
            using var opened = await scene.Http.GetAsync(signed.Headers.Location, Cancel);
            Assert.True(opened.IsSuccessStatusCode);
            signature = signed.Headers.Location!.Query.Split("sig=")[1];
        }

        // The host has ended and exported everything.
        var own = collector.Spans.Where(s => s.TraceId == _caller.TraceId.ToHexString()).ToList();
        Assert.Superset(new HashSet<string>([.. Steps, "accept", "POST /api/videos"]), own.Select(s => s.Name).ToHashSet());
        var call = own.Single(s => s.Name == "POST /api/videos");
        Assert.Equal(_caller.SpanId.ToHexString(), call.ParentId);
        Assert.Contains("http.response.status_code", call.Text, StringComparison.Ordinal);
        Assert.Contains(collector.Received, text => text.Contains("kling.jobs.ended", StringComparison.Ordinal) && text.Contains("kling.job.duration", StringComparison.Ordinal));
        Assert.Contains(collector.Received, text => text.Contains("was accepted by RunComfy", StringComparison.Ordinal) && text.Contains("InstanceId", StringComparison.Ordinal) && text.Contains(id, StringComparison.Ordinal));
        Assert.All(collector.Received, text => Assert.Contains("studio", text, StringComparison.Ordinal));
        Assert.Contains(collector.Spans, s => s.Text.Contains("/api/signed/operations/", StringComparison.Ordinal));
        Assert.All(collector.Received, text => Assert.DoesNotContain(signature, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_an_endpoint_nothing_is_exported()
    {
        await using var scene = await StartAsync(new());
        Assert.Null(((LocalHostUnderTest)scene.Host).Services.GetService<TracerProvider>());
    }

    private static ActivityContext NewCaller() => new(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded);

    private async Task<Scene> StartAsync(Behaviour behaviour, params (string Key, string Value)[] settings)
    {
        var runComfy = await SimulatorHost.StartAsync(behaviour, _time, cancellationToken: Cancel);
        var all = Scene.SettingsFor(runComfy);
        foreach (var (key, value) in settings) all[key] = value;
        return new(await LocalHostUnderTest.StartAsync(all, _time), runComfy, await WebhookReceiver.StartAsync());
    }

    private async Task<string> SubmitAsync(Scene scene, ActivityContext? caller = null)
    {
        using var answer = await SendAsync(scene, "/api/videos", caller ?? _caller, scene.Request(scene.Receiver.Url).ToJsonString());
        return (await Scene.JsonOf(answer)).GetProperty("id").GetString()!;
    }

    private static async Task PostAsync(Scene scene, string path, ActivityContext caller)
    {
        using var answer = await SendAsync(scene, path, caller, "");
    }

    private static async Task<HttpResponseMessage> SendAsync(Scene scene, string path, ActivityContext caller, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", "the-only-job");
        request.Headers.Add("traceparent", $"00-{caller.TraceId}-{caller.SpanId}-01");
        // Otherwise the client would send the trace of the test.
        Activity.Current = null;
        var answer = await scene.Http.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return answer;
    }

    /// <summary>The measurements of one trace, since all tests of the process share the instruments.</summary>
    private sealed class Measurements : IDisposable
    {
        private readonly ConcurrentQueue<(string Name, double Value, KeyValuePair<string, object?>[] Tags)> _all = [];
        private readonly MeterListener _listener = new();

        public Measurements(ActivityTraceId trace)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == KlingTelemetry.Name) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument, value, tags));
            _listener.Start();

            void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
            {
                if (Activity.Current?.TraceId == trace) _all.Enqueue((instrument.Name, value, tags.ToArray()));
            }
        }

        public double Sum(string name, params (string Key, object? Value)[] tags) =>
            _all.Where(m => m.Name == name && tags.All(t => m.Tags.Contains(new(t.Key, t.Value)))).Sum(m => m.Value);

        public double Only(string name) => Assert.Single(_all, m => m.Name == name).Value;

        public void Dispose() => _listener.Dispose();
    }
}
