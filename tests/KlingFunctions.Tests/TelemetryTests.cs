using System.Diagnostics;
using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Tests;

/// <summary>The destinations of the app's telemetry, and the identity for them.</summary>
public sealed class TelemetryTests(SharedAzurite azurite)
{
    private const string Line = "was accepted by RunComfy";

    [Fact]
    public async Task Log_lines_of_a_step_reach_the_host_without_an_exporter()
    {
        await using var stage = await AppScene.RentAsync(azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero });
        var id = await stage.Scene.SubmitAsync();
        await stage.Scene.UntilAsync(id, "succeeded");
        Assert.Contains(stage.App.Log, line => line.Contains(Line, StringComparison.Ordinal) && line.Contains(id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Exported_spans_of_a_job_are_one_trace_and_its_log_lines_have_its_id()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var stage = await AppScene.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero },
            [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
        var receiver = stage.Scene.Receiver;
        var id = await stage.Scene.SubmitAsync(stage.Scene.Request(receiver.Url));
        await stage.Scene.Host.RunUntilAsync(id, _ => receiver.Received.Count > 0);

        var exported = await collector.UntilAsync(Line);
        Assert.Contains("JobId", exported, StringComparison.Ordinal);
        Assert.Contains(id, exported, StringComparison.Ordinal);
        Assert.Contains("faas.invocation_id", exported, StringComparison.Ordinal);

        var deliver = await collector.UntilAsync(s => s.Name == "function Deliver");
        var own = collector.Spans.Where(s => s.TraceId == deliver.TraceId).ToList();
        Assert.Superset(
            new HashSet<string> { "function Api", "accept", "create_orchestration:GenerateVideo", "function Validate", "function Submit", "function Poll", "function Store", "function Deliver" },
            own.Select(s => s.Name).ToHashSet());
        // The worker's own span represents a step, so there is no second one.
        Assert.Equal(["accept"], own.Where(s => s.Scope == KlingTelemetry.Name).Select(s => s.Name));
        Assert.Contains(id, own.Single(s => s.Name == "function Submit").Text, StringComparison.Ordinal);
        var context = ActivityContext.Parse(Assert.Single(receiver.Received).TraceParent!, null);
        Assert.Equal((deliver.TraceId, deliver.SpanId), (context.TraceId.ToHexString(), context.SpanId.ToHexString()));
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("Authorization=AAD", true)]
    public void Azure_Monitor_gets_an_identity_if_the_setting_asks_for_it(string? authentication, bool hasIdentity)
    {
        var app = FunctionsApplication.CreateBuilder([]);
        app.Configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] = $"InstrumentationKey={Guid.Empty};IngestionEndpoint=https://example.com/";
        app.Configuration["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] = authentication;
        app.AddTelemetry();
        using var services = app.Services.BuildServiceProvider();
        Assert.Equal(hasIdentity, services.GetRequiredService<IOptions<AzureMonitorExporterOptions>>().Value.Credential is not null);
    }
}
