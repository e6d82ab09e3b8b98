using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Uploads;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline;

/// <summary>Registers the pipeline. A host adds the ports, and an engine that runs the workflows.</summary>
public static class PipelineServices
{
    /// <summary>Adds everything but the ports.</summary>
    public static IServiceCollection AddPipeline(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        Options<RunComfyOptions, RunComfyOptionsValidator>(RunComfyOptions.Section);
        Options<PipelineOptions, PipelineOptionsValidator>(PipelineOptions.Section);
        Options<SubmissionOptions, PipelineOptionsValidator>(SubmissionOptions.Section);
        Options<WebhookOptions, WebhookOptionsValidator>(WebhookOptions.Section);
        Options<StorageOptions, StorageOptionsValidator>(StorageOptions.Section);
        services.AddOptions<NetworkOptions>().Bind(configuration.GetSection(NetworkOptions.Section)).ValidateOnStart();

        services.AddSingleton(s => new GuardedClient(s.GetRequiredService<IOptions<NetworkOptions>>()));
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<RunComfyClient>(s, new HttpClient(RunComfyClient.CreateHandler())));
        services.AddSingleton<RequestReader>().AddSingleton<UploadReader>().AddSingleton<ImageCheck>().AddSingleton<ResultKeeper>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton(s => new DeliverySchedule(s.GetRequiredService<IOptions<WebhookOptions>>().Value.Schedule));
        services.AddSingleton<JobIntake>();
        services.AddSingleton<TurnSteps>().AddSingleton<ValidateStep>().AddSingleton<SubmitStep>().AddSingleton<PollStep>().AddSingleton<CancelStep>();
        services.AddSingleton<StoreStep>().AddSingleton<FindReceiversStep>().AddSingleton<DeliverStep>().AddSingleton<ReportUploadStep>();
        services.AddSingleton(Catalog);
        return services.AddRoutes();

        void Options<TOptions, TValidator>(string section)
            where TOptions : class
            where TValidator : class, IValidateOptions<TOptions>
        {
            services.AddOptions<TOptions>().Bind(configuration.GetSection(section)).ValidateOnStart();
            services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        }
    }

    /// <summary>Every workflow and every step, bound to its code.</summary>
    private static WorkflowCatalog Catalog(IServiceProvider services) => new WorkflowCatalog(PipelineJson.Default.Options)
        .Add<VideoJob, JobState>(GenerateVideo.Name, GenerateVideo.RunAsync)
        .Add<Notification, NotificationState>(Notify.Name, Notify.RunAsync)
        .Add(Steps.Enter, services.GetRequiredService<TurnSteps>().EnterAsync)
        .Add(Steps.Leave, services.GetRequiredService<TurnSteps>().LeaveAsync)
        .Add(Steps.Validate, services.GetRequiredService<ValidateStep>().RunAsync)
        .Add(Steps.Submit, services.GetRequiredService<SubmitStep>().RunAsync)
        .Add(Steps.Poll, services.GetRequiredService<PollStep>().RunAsync)
        .Add(Steps.Cancel, services.GetRequiredService<CancelStep>().RunAsync)
        .Add(Steps.Store, services.GetRequiredService<StoreStep>().RunAsync)
        .Add(Steps.FindReceivers, services.GetRequiredService<FindReceiversStep>().RunAsync)
        .Add(Steps.ReportUpload, services.GetRequiredService<ReportUploadStep>().RunAsync)
        .Add(Notify.Deliver, services.GetRequiredService<DeliverStep>().RunAsync);
}
