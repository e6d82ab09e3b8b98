using System.Collections.Concurrent;
using Azure.Monitor.OpenTelemetry.Exporter;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace KlingFunctions.Tests;

/// <summary>What leaves the app as telemetry, and as whom.</summary>
public sealed class TelemetryTests(SharedAzurite azurite)
{
    [Fact]
    public async Task What_a_step_logs_leaves_with_the_id_of_its_job()
    {
        await using var runComfy = await SimulatorHost.StartAsync(
            new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero }, TimeProvider.System, ct: TestContext.Current.CancellationToken);
        await using var receiver = await WebhookReceiver.StartAsync();
        var settings = Scene.SettingsFor(runComfy);
        settings["Storage:Blobs"] = settings["AzureWebJobsStorage"] = azurite.NextAccount();
        var left = new Left();
        var host = await App.StartAsync(settings, configure: app => app.Services.AddOpenTelemetry().WithLogging(logs => logs.AddProcessor(left)));
        await using var scene = new Scene(new FunctionsHostUnderTest(host), runComfy, receiver);
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "succeeded");
        Assert.Contains(left.Lines, line => line.Category.EndsWith("SubmitStep", StringComparison.Ordinal) && line.JobId == id);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("Authorization=AAD", true)]
    public void Azure_Monitor_is_shown_an_identity_where_the_setting_asks_for_it(string? authentication, bool isShown)
    {
        var app = FunctionsApplication.CreateBuilder([]);
        app.Configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] = $"InstrumentationKey={Guid.Empty};IngestionEndpoint=https://example.com/";
        app.Configuration["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] = authentication;
        app.AddTelemetry();
        using var services = app.Services.BuildServiceProvider();
        Assert.Equal(isShown, services.GetRequiredService<IOptions<AzureMonitorExporterOptions>>().Value.Credential is not null);
    }

    /// <summary>Keeps what would be exported.</summary>
    private sealed class Left : BaseProcessor<LogRecord>
    {
        public ConcurrentQueue<(string Category, string? JobId)> Lines { get; } = [];

        public override void OnEnd(LogRecord data)
        {
            string? id = null;
            data.ForEachScope<object?>(
                (scope, _) =>
                {
                    foreach (var (key, value) in scope)
                    {
                        if (key == "JobId") id = value as string;
                    }
                },
                null);
            Lines.Enqueue((data.CategoryName ?? "", id));
        }
    }
}
