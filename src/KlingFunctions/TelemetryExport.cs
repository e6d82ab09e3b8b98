using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace KlingFunctions;

/// <summary>Where traces, metrics and logs go: to Azure Monitor, to an OTLP collector, to both or nowhere, as the usual app settings say.</summary>
internal static class TelemetryExport
{
    /// <summary>
    /// Adds it. Outgoing calls are not traced one by one: their URLs may carry the signatures of links. The host stops exporting what the
    /// worker logs, which would otherwise be there twice.
    /// </summary>
    /// <remarks>Without an exporter nothing is added: then the host shows the worker's lines, as <c>func start</c> does.</remarks>
    public static void AddTelemetry(this FunctionsApplicationBuilder builder)
    {
        if (!IsSet("APPLICATIONINSIGHTS_CONNECTION_STRING") && !IsSet("OTEL_EXPORTER_OTLP_ENDPOINT")) return;
        var telemetry = builder.Services.AddOpenTelemetry().UseFunctionsWorkerDefaults()
            .WithTracing(traces => traces.AddSource(KlingTelemetry.Name))
            .WithMetrics(metrics => metrics.AddMeter(KlingTelemetry.Name));
        // The id of a job is on the lines of its steps as a scope.
        builder.Services.Configure<OpenTelemetryLoggerOptions>(logs => logs.IncludeScopes = true);
        if (IsSet("APPLICATIONINSIGHTS_CONNECTION_STRING"))
        {
            // As the host does: with an identity only where this setting asks for it, for it needs a role.
            telemetry.UseAzureMonitorExporter(o =>
                o.Credential = IsSet("APPLICATIONINSIGHTS_AUTHENTICATION_STRING") ? AzureCredential.For(builder.Configuration) : null);
        }
        if (IsSet("OTEL_EXPORTER_OTLP_ENDPOINT")) telemetry.UseOtlpExporter();

        bool IsSet(string name) => !string.IsNullOrEmpty(builder.Configuration[name]);
    }
}
