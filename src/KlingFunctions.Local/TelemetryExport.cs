using System.Runtime.CompilerServices;
using KlingFunctions.Pipeline.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace KlingFunctions.Local;

/// <summary>
/// Exports traces, metrics and logs to an OTLP collector, as OpenTelemetry's standard variables say; nowhere if none names an endpoint.
/// </summary>
internal static class TelemetryExport
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    // The query of a signed link contains its signature.
    private const string Query = "url.query";

    /// <summary>Adds the exporters, if an endpoint is set.</summary>
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        if (!string.IsNullOrEmpty(builder.Configuration[Endpoint])) builder.Export();
    }

    /// <summary>
    /// Outgoing calls are not traced one by one: their URLs may contain the signatures of links. Incoming calls are traced without queries.
    /// </summary>
    /// <remarks>A separate method, so that a start without an endpoint loads none of these assemblies.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Export(this WebApplicationBuilder builder)
    {
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource =>
            {
                if (string.IsNullOrEmpty(builder.Configuration["OTEL_SERVICE_NAME"])) resource.AddService("KlingFunctions.Local");
            })
            .WithTracing(traces => traces.AddSource(KlingTelemetry.Name).AddAspNetCoreInstrumentation(o => o.EnrichWithHttpRequest = (span, _) => span.SetTag(Query, null)))
            .WithMetrics(metrics => metrics.AddMeter(KlingTelemetry.Name))
            .UseOtlpExporter();
        // The id of a job is a scope of its steps' log lines.
        builder.Services.Configure<OpenTelemetryLoggerOptions>(logs => logs.IncludeScopes = true);
    }
}
