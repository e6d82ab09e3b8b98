using System.Net;
using System.Reflection;
using System.Text.Json;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.TestHost;
using KlingFunctions.Tests.Host;
using KlingFunctions.Triggers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Tests;

/// <summary>The app's description of its functions, by which the platform calls them and checks keys.</summary>
public sealed class FunctionsTests(SharedAzurite azurite)
{
    [Fact]
    public async Task Worker_describes_the_HTTP_functions_and_every_workflow_and_step()
    {
        await using var stage = await AppScene.RentAsync(azurite, new());
        var functions = await stage.App.FunctionsAsync();
        EveryRouteNeedsAKeyButHealthAndSignedLinks(functions);
        WorkflowsAndStepsAreThoseOfTheCatalogue(functions);
        UploadsComeByEventGridAlone(functions);
        FunctionsThatNeedTheJobsGetAClient(functions);
    }

    [Fact]
    public async Task Page_and_its_files_need_no_key_and_jobs_do()
    {
        await using var stage = await AppScene.RentAsync(azurite, new());
        using var stranger = new HttpClient { BaseAddress = stage.Scene.Http.BaseAddress };
        var cancellationToken = TestContext.Current.CancellationToken;
        foreach (var (path, type) in new[] { ("/", "text/html"), ("/page/main.js", "text/javascript") })
        {
            using var file = await stranger.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
            Assert.Equal((HttpStatusCode.OK, type), (file.StatusCode, file.Content.Headers.ContentType!.MediaType));
            Assert.Contains("media-src 'self' blob: http://127.0.0.1:", file.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        }
        using var counts = await stranger.GetAsync(new Uri("/api/videos/counts", UriKind.Relative), cancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, counts.StatusCode);
    }

    [Fact]
    public void Host_json_traces_no_input_and_gives_instances_a_version()
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
    [InlineData("Pipeline:MaxJobPerDay", "1")]
    [InlineData("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "Endpoint=https://elsewhere;Authentication=ManagedIdentity")]
    public async Task Wrong_or_missing_setting_stops_the_start_with_a_sentence(string key, string? value)
    {
        var settings = AppSettings.Of(new Dictionary<string, string?> { ["RunComfy:ApiToken"] = "t0ken" }, azurite.NextAccount());
        settings[key] = value;
        var refusal = await Assert.ThrowsAsync<AppRefusedException>(() => AppProcess.StartAsync(settings));
        Assert.Equal(78, refusal.ExitCode);
        Assert.Contains(key, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refusal.Message, StringComparison.Ordinal);
    }

    private static void EveryRouteNeedsAKeyButHealthAndSignedLinks(IReadOnlyList<AppFunction> functions) => Assert.Equal(
        ["/api/health/{*path} anonymous", "/api/signed/{*path} anonymous", "/api/{*path} function", "/page/{*path} anonymous", "/{root:maxlength(0)?} anonymous"],
        Names(functions.Where(f => f.Trigger.Is("httpTrigger")).Select(f => $"/{f.Trigger.Route} {f.Trigger.AuthLevel!.ToLowerInvariant()}")));

    private static void WorkflowsAndStepsAreThoseOfTheCatalogue(IReadOnlyList<AppFunction> functions)
    {
        var catalog = new ServiceCollection().AddPipeline(WebApplication.CreateSlimBuilder().Configuration).BuildServiceProvider().GetRequiredService<WorkflowCatalog>();
        Assert.Equal(Names(catalog.Workflows.Select(w => w.Name)), Names(functions, "orchestrationTrigger"));
        Assert.Equal(Names(catalog.Steps.Select(s => s.Name).Append("StartChild")), Names(functions, "activityTrigger"));
    }

    private static void UploadsComeByEventGridAlone(IReadOnlyList<AppFunction> functions)
    {
        var trigger = functions.Single(f => f.Name == nameof(UploadedAsset)).Trigger;
        Assert.Equal(("blobTrigger", "EventGrid", $"{Containers.Uploads}/{{name}}"), (trigger.Type, trigger.Source, trigger.Path));
        var polled = functions.Where(f => f.Trigger.Is("blobTrigger") && f.Trigger.Source != "EventGrid").Select(f => f.Name);
        // Debug builds are for this machine, where func start makes one. Flex Consumption only has Event Grid's trigger.
        Assert.Equal(IsDebug ? ["PolledUploads"] : [], polled);
    }

    private static void FunctionsThatNeedTheJobsGetAClient(IReadOnlyList<AppFunction> functions)
    {
        string[] without =
        [
            .. Names(functions, "orchestrationTrigger"),
            .. Names(functions, "activityTrigger").Except([Notify.Deliver.Name, Steps.EndBatchItem.Name, Steps.ReleaseSlot.Name, "StartChild"]),
            "Page",
            "PageFiles",
        ];
        Assert.Equal(Names(without), Names(functions.Where(f => f.Bindings.All(b => !b.Is("durableClient"))).Select(f => f.Name)));
    }

    private static bool IsDebug => typeof(FunctionsApp).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration == "Debug";

    private static IEnumerable<string> Names(IEnumerable<string> names) => names.Order(StringComparer.Ordinal);

    private static IEnumerable<string> Names(IEnumerable<AppFunction> functions, string trigger) =>
        Names(functions.Where(f => f.Trigger.Is(trigger)).Select(f => f.Name));
}
