using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline;

/// <summary>Registers the pipeline. A host adds the ports, and an engine that runs the workflows.</summary>
public static class PipelineServices
{
    /// <summary>The sections of settings that both hosts know, with the options type of each: what <see cref="Settings.SettingsCheck"/> needs.</summary>
    public static IReadOnlyDictionary<string, Type> Sections { get; } = new Dictionary<string, Type>
    {
        [RunComfyOptions.Section] = typeof(RunComfyOptions),
        [PipelineOptions.Section] = typeof(PipelineOptions),
        [PublicOptions.Section] = typeof(PublicOptions),
        [LinkOptions.Section] = typeof(LinkOptions),
        [SubmissionOptions.Section] = typeof(SubmissionOptions),
        [WebhookOptions.Section] = typeof(WebhookOptions),
        [StorageOptions.Section] = typeof(StorageOptions),
        [NetworkOptions.Section] = typeof(NetworkOptions),
    };

    /// <summary>Adds everything but the ports.</summary>
    public static IServiceCollection AddPipeline(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        Options<RunComfyOptions, RunComfyOptionsValidator>(RunComfyOptions.Section);
        Options<PipelineOptions, PipelineOptionsValidator>(PipelineOptions.Section);
        Options<PublicOptions, PublicOptionsValidator>(PublicOptions.Section);
        Options<LinkOptions, LinkOptionsValidator>(LinkOptions.Section);
        Options<SubmissionOptions, SubmissionOptionsValidator>(SubmissionOptions.Section);
        Options<WebhookOptions, WebhookOptionsValidator>(WebhookOptions.Section);
        Options<StorageOptions, StorageOptionsValidator>(StorageOptions.Section);
        Options<NetworkOptions, NetworkOptionsValidator>(NetworkOptions.Section);

        services.AddSingleton(s => new GuardedClient(s.GetRequiredService<IOptions<NetworkOptions>>()));
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<RunComfyClient>(
            s, new HttpClient(RunComfyClient.CreateHandler(OutboundProxy.Of(s.GetRequiredService<IOptions<NetworkOptions>>().Value)))));
        // The options' validator has found it known.
        services.AddSingleton(s => ModelContract.Find(s.GetRequiredService<IOptions<RunComfyOptions>>().Value.Model)!);
        services.AddSingleton<RequestReader>().AddSingleton<UploadReader>().AddSingleton<ImageCheck>().AddSingleton<ResultKeeper>().AddSingleton<RequestFiles>();
        services.AddSingleton<WebhookSender>().AddSingleton<Subscriptions>().AddSingleton<DeadLetters>().AddSingleton<Redelivery>();
        services.AddSingleton<Quota>().AddSingleton<StalePlaces>().AddSingleton<ResumeClaims>();
        services.AddSingleton(s => new DeliverySchedule(s.GetRequiredService<IOptions<WebhookOptions>>().Value.Schedule));
        services.AddSingleton<JobIntake>().AddSingleton<UploadIntake>().AddSingleton<Retention>().AddSingleton<JobActions>().AddSingleton<OldJobs>();
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

    /// <summary>Every workflow and every step, bound to its code. The code is looked up when it runs: steps may need the engine.</summary>
    private static WorkflowCatalog Catalog(IServiceProvider services)
    {
        return new WorkflowCatalog(PipelineJson.Default.Options)
            .Add<VideoJob, JobState>(GenerateVideo.Name, GenerateVideo.RunAsync)
            .Add<Notification, NotificationState>(Notify.Name, Notify.RunAsync)
            .Add(Steps.TakeDay, (id, cancel) => The<TurnSteps>().TakeDayAsync(id, cancel))
            .Add(Steps.Enter, (id, cancel) => The<TurnSteps>().EnterAsync(id, cancel))
            .Add(Steps.Leave, (id, cancel) => The<TurnSteps>().LeaveAsync(id, cancel))
            .Add(Steps.Validate, (input, cancel) => The<ValidateStep>().RunAsync(input, cancel))
            .Add(Steps.Submit, (input, cancel) => The<SubmitStep>().RunAsync(input, cancel))
            .Add(Steps.Poll, (input, cancel) => The<PollStep>().RunAsync(input, cancel))
            .Add(Steps.Cancel, (requestId, cancel) => The<CancelStep>().RunAsync(requestId, cancel))
            .Add(Steps.Store, (input, cancel) => The<StoreStep>().RunAsync(input, cancel))
            .Add(Steps.FindReceivers, (input, cancel) => The<FindReceiversStep>().RunAsync(input, cancel))
            .Add(Steps.ReportUpload, (failure, cancel) => The<ReportUploadStep>().RunAsync(failure, cancel))
            .Add(Notify.Deliver, (delivery, cancel) => The<DeliverStep>().RunAsync(delivery, cancel));

        T The<T>()
            where T : notnull => services.GetRequiredService<T>();
    }
}
