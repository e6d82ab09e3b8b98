using System.Reflection;
using System.Text.Json;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Tests.Host;
using KlingFunctions.Triggers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Tests;

/// <summary>What the app says of itself, from which the platform knows what to call, when, and who may.</summary>
public sealed class FunctionsTests(SharedAzurite azurite)
{
    [Fact]
    public async Task Every_route_is_a_function_with_the_same_method_and_needs_a_key_but_for_health()
    {
        await using var host = await StartAsync();
        var promised = Routes().Order(StringComparer.Ordinal);
        var functions = host.Functions.Where(f => f.IsTriggeredBy("httpTrigger")).ToList();
        Assert.Equal(promised, functions.Select(f => $"{f.Trigger.Methods!.Single().ToUpperInvariant()} /api/{f.Trigger.Route}").Order(StringComparer.Ordinal));
        Assert.All(functions, f => Assert.Equal(f.Trigger.Route == "health" ? "Anonymous" : "Function", f.Trigger.AuthLevel, ignoreCase: true));
    }

    [Fact]
    public async Task Every_workflow_and_every_step_is_a_function_of_its_name_and_there_is_none_besides()
    {
        await using var host = await StartAsync();
        var catalog = host.Services.GetRequiredService<WorkflowCatalog>();
        Assert.Equal(Names(catalog.Workflows.Select(w => w.Name)), Names(host, "orchestrationTrigger"));
        Assert.Equal(Names(catalog.Steps.Select(s => s.Name).Append("StartChild")), Names(host, "activityTrigger"));
    }

    [Fact]
    public async Task Uploads_come_by_Event_Grid_which_is_all_that_Flex_Consumption_takes()
    {
        await using var host = await StartAsync();
        var trigger = host.Functions.Single(f => f.Name == nameof(UploadedAsset)).Trigger;
        Assert.Equal(("blobTrigger", "EventGrid", $"{Containers.Uploads}/{{name}}"), (trigger.Type, trigger.Source, trigger.Path));
        var polled = host.Functions.Where(f => f.IsTriggeredBy("blobTrigger") && f.Trigger.Source != "EventGrid").Select(f => f.Name);
        // Debug builds are for this machine: func start makes one, a deployment never does.
        Assert.Equal(IsDebug ? ["PolledUploads"] : [], polled);
    }

    [Fact]
    public async Task What_needs_the_jobs_is_sent_a_client()
    {
        await using var host = await StartAsync();
        string[] without =
        [
            "AddSubscription", "Health", "OpenApi", "RemoveSubscription", "ValidateVideo", .. Names(host, "orchestrationTrigger"),
            .. Names(host, "activityTrigger").Except([Notify.Deliver.Name, "StartChild"]),
        ];
        Assert.Equal(Names(without), Names(host.Functions.Where(f => f.Bindings.All(b => b.Type != "durableClient")).Select(f => f.Name)));
    }

    [Fact]
    public void The_host_json_that_is_deployed_traces_no_input_and_gives_instances_a_version()
    {
        foreach (var name in new[] { "host.json", "host.dts.json" })
        {
            using var host = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, name)));
            Assert.Equal("OpenTelemetry", host.RootElement.GetProperty("telemetryMode").GetString());
            var durable = host.RootElement.GetProperty("extensions").GetProperty("durableTask");
            Assert.False(durable.GetProperty("tracing").GetProperty("traceInputsAndOutputs").GetBoolean());
            Assert.NotEmpty(durable.GetProperty("defaultVersion").GetString()!);
            Assert.Equal("CurrentOrOlder", durable.GetProperty("versionMatchStrategy").GetString());
        }
        var output = Path.GetDirectoryName(typeof(FunctionsApp).Assembly.Location)!;
        Assert.Equal(File.ReadAllText(Path.Combine(Repository.Root, "host.json")), File.ReadAllText(Path.Combine(output, "host.json")));
    }

    [Theory]
    [InlineData("Storage:Blobs", null)]
    [InlineData("RunComfy:ApiToken", null)]
    [InlineData("Pipeline:KeepFor", "-1.00:00:00")]
    [InlineData("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint=https://elsewhere;Authentication=ManagedIdentity")]
    public async Task A_wrong_or_missing_setting_stops_the_start_with_a_sentence_that_names_it(string key, string? value)
    {
        var settings = Settings();
        settings[key] = value;
        var refusal = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => App.StartAsync(settings));
        Assert.Contains(refusal.Failures, sentence => sentence.Contains(key, StringComparison.Ordinal));
    }

    private static bool IsDebug => typeof(FunctionsApp).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration == "Debug";

    /// <summary>What Local maps.</summary>
    private static IEnumerable<string> Routes()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddPipeline(builder.Configuration);
        IEndpointRouteBuilder app = builder.Build();
        app.MapPipeline();
        return app.DataSources.SelectMany(s => s.Endpoints).Cast<RouteEndpoint>().Select(e =>
            $"{e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Single()} {e.RoutePattern.RawText}");
    }

    private static IEnumerable<string> Names(IEnumerable<string> names) => names.Order(StringComparer.Ordinal);

    private static IEnumerable<string> Names(FunctionsHost host, string trigger) => Names(host.Functions.Where(f => f.IsTriggeredBy(trigger)).Select(f => f.Name));

    private Dictionary<string, string?> Settings()
    {
        var account = azurite.NextAccount();
        return new() { ["RunComfy:ApiToken"] = "t0ken", ["Storage:Blobs"] = account, ["AzureWebJobsStorage"] = account };
    }

    private Task<FunctionsHost> StartAsync() => App.StartAsync(Settings());
}
