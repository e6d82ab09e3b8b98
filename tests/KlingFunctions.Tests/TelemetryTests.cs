using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.Tests.Host;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Tests;

/// <summary>Where the app's telemetry goes, and with which identity.</summary>
public sealed class TelemetryTests(SharedAzurite azurite)
{
    private const string Line = "was accepted by RunComfy";

    [Fact]
    public async Task Log_lines_of_a_step_reach_the_host_where_no_exporter_is_set()
    {
        await using var stage = await Stage.StartAsync(azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero });
        var id = await stage.Scene.SubmitAsync();
        await stage.Scene.UntilAsync(id, "succeeded");
        Assert.Contains(stage.App.Log, line => line.Contains(Line, StringComparison.Ordinal) && line.Contains(id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Exported_log_lines_of_a_step_carry_the_id_of_its_job()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var stage = await Stage.StartAsync(
            azurite, new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero },
            [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
        var id = await stage.Scene.SubmitAsync();
        await stage.Scene.UntilAsync(id, "succeeded");
        var exported = await collector.UntilAsync(Line);
        Assert.Contains("JobId", exported, StringComparison.Ordinal);
        Assert.Contains(id, exported, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("Authorization=AAD", true)]
    public void Azure_Monitor_gets_an_identity_where_the_setting_asks_for_it(string? authentication, bool hasIdentity)
    {
        var app = FunctionsApplication.CreateBuilder([]);
        app.Configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] = $"InstrumentationKey={Guid.Empty};IngestionEndpoint=https://example.com/";
        app.Configuration["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] = authentication;
        app.AddTelemetry();
        using var services = app.Services.BuildServiceProvider();
        Assert.Equal(hasIdentity, services.GetRequiredService<IOptions<AzureMonitorExporterOptions>>().Value.Credential is not null);
    }
}
