using System.Runtime.CompilerServices;
using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace KlingFunctions;

/// <summary>
/// Exports traces, metrics and logs to Azure Monitor, to an OTLP collector, to both or nowhere, as the usual app settings say.
/// </summary>
internal static class TelemetryExport
{
    // The source of the Durable extension's client spans. Without them an orchestration is not part of the trace of its start.
    private const string DurableClient = "Microsoft.DurableTask";

    private const string AzureMonitor = "APPLICATIONINSIGHTS_CONNECTION_STRING";
    private const string Otlp = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Adds the exporters that the app settings name.</summary>
    /// <remarks>Without an exporter nothing is added, so that the host shows the worker's log lines, as <c>func start</c> does.</remarks>
    public static void AddTelemetry(this FunctionsApplicationBuilder builder)
    {
        if (builder.IsSet(AzureMonitor) || builder.IsSet(Otlp)) builder.Export();
    }

    /// <summary>
    /// Outgoing calls are not traced one by one: their URLs may contain the signatures of links. The host stops exporting the worker's
    /// logs, which would otherwise be exported twice.
    /// </summary>
    /// <remarks>A separate method, so that a cold start without an exporter loads none of these assemblies.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Export(this FunctionsApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry().UseFunctionsWorkerDefaults()
            .WithTracing(traces => traces.AddSource(KlingTelemetry.Name, DurableClient))
            .WithMetrics(metrics => metrics.AddMeter(KlingTelemetry.Name));
        // The ids of job and invocation are scopes of a step's log lines.
        builder.Services.Configure<OpenTelemetryLoggerOptions>(logs => logs.IncludeScopes = true);
        if (builder.IsSet(AzureMonitor))
        {
            // As the host does: use an identity only if this setting asks for it, since an identity needs a role.
            telemetry.UseAzureMonitorExporter(o =>
                o.Credential = builder.IsSet("APPLICATIONINSIGHTS_AUTHENTICATION_STRING") ? AzureCredential.For(builder.Configuration) : null);
        }
        if (builder.IsSet(Otlp)) telemetry.UseOtlpExporter();
    }

    private static bool IsSet(this FunctionsApplicationBuilder builder, string name) => !string.IsNullOrEmpty(builder.Configuration[name]);
}
