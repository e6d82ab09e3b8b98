using Azure.Core.Serialization;
using KlingFunctions.AzureStorage;
using KlingFunctions.Durable;
using KlingFunctions.Http;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Settings;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KlingFunctions;

/// <summary>The cloud host: the pipeline on Azure Functions, Durable Functions and Blob Storage.</summary>
internal static class FunctionsApp
{
    /// <summary>Builds the worker. Its settings come from the app settings, which are environment variables.</summary>
    public static IHost Build(string[] args)
    {
        var builder = FunctionsApplication.CreateBuilder(args);
        SettingsCheck.Run(builder.Configuration, PipelineServices.Sections);
        DurableBackend.Check(builder.Configuration);
        builder.ConfigureFunctionsWebApplication();
        builder.UseMiddleware<JobScope>().UseMiddleware<UnexpectedErrors>().UseMiddleware<DurableClientSource>();
        builder.Services.AddPipeline(builder.Configuration).AddAzureStores(builder.Configuration);
        builder.Services.AddSingleton<ApiRoutes>().AddSingleton<DurableClientSource>().AddSingleton<JobReader>().AddSingleton<IJobs, DurableJobs>().AddSingleton<JobIndexRepair>();
        builder.Services.PostConfigure<PublicOptions>(o => o.Url ??= PlatformUrl(builder.Configuration["WEBSITE_HOSTNAME"]));
        // The history holds the pipeline's own JSON: one serializer for inputs, outputs and statuses.
        builder.Services.Configure<WorkerOptions>(o => o.Serializer = new JsonObjectSerializer(DurableJson.ForHistory));
        // ASP.NET Core's own log lines contain whole URLs, and a query may contain a key.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Azure", LogLevel.Warning);
        builder.AddTelemetry();
        return builder.Build();
    }

    /// <summary>The platform names the app's host in an app setting; <c>func start</c> does so too, with its port.</summary>
    private static string? PlatformUrl(string? host) => host is not { Length: > 0 } ? null
        : host.StartsWith("localhost", StringComparison.OrdinalIgnoreCase) || host.StartsWith("127.0.0.1", StringComparison.Ordinal) ? $"http://{host}"
        : $"https://{host}";
}
