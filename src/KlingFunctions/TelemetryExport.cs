using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;

namespace KlingFunctions;

/// <summary>Where traces, metrics and logs go: to Azure Monitor, to an OTLP collector, to both or nowhere, as the usual app settings say.</summary>
internal static class TelemetryExport
{
    /// <summary>
    /// Adds it. Outgoing calls are not traced one by one: their URLs may carry the signatures of links. The host stops exporting what the
    /// worker logs, which would otherwise be there twice.
    /// </summary>
    public static void AddTelemetry(this FunctionsApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry().UseFunctionsWorkerDefaults()
            .WithTracing(traces => traces.AddSource(KlingTelemetry.Name))
            .WithMetrics(metrics => metrics.AddMeter(KlingTelemetry.Name));
        if (IsSet("APPLICATIONINSIGHTS_CONNECTION_STRING"))
            telemetry.UseAzureMonitorExporter(o => o.Credential = AzureCredential.For(builder.Configuration));
        if (IsSet("OTEL_EXPORTER_OTLP_ENDPOINT")) telemetry.UseOtlpExporter();

        bool IsSet(string name) => !string.IsNullOrEmpty(builder.Configuration[name]);
    }
}
