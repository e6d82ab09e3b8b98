using Azure.Core.Serialization;
using KlingFunctions.AzureStorage;
using KlingFunctions.Durable;
using KlingFunctions.Http;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Triggers;
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
    public static IHost Build(string[] args, Action<FunctionsApplicationBuilder>? configure = null)
    {
        var builder = FunctionsApplication.CreateBuilder(args);
        DurableBackend.Check(builder.Configuration);
        builder.ConfigureFunctionsWebApplication();
        builder.UseMiddleware<JobScope>().UseMiddleware<UnexpectedErrors>().UseMiddleware<DurableClientSource>();
        builder.Services.AddPipeline(builder.Configuration).AddAzureStores(builder.Configuration);
        builder.Services.AddSingleton<PublicAddress>().AddSingleton<DurableClientSource>().AddSingleton<IJobs, DurableJobs>();
        // One way of writing JSON for inputs, outputs and statuses in the history: the pipeline's own.
        builder.Services.Configure<WorkerOptions>(o => o.Serializer = new JsonObjectSerializer(DurableJson.ForHistory));
        // The web server's own lines would name each URL whole, with what it carries in its query: a key, perhaps.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.AddTelemetry();
        configure?.Invoke(builder);
        return builder.Build();
    }
}
