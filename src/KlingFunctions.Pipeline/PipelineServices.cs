using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Diagnosis;
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
    /// <summary>The sections of settings of both hosts, with the options type of each, for <see cref="Settings.SettingsCheck"/>.</summary>
    public static IReadOnlyDictionary<string, Type> Sections { get; } = new Dictionary<string, Type>
    {
        [RunComfyOptions.Section] = typeof(RunComfyOptions),
        [PipelineOptions.Section] = typeof(PipelineOptions),
        [PollingOptions.Section] = typeof(PollingOptions),
        [PublicOptions.Section] = typeof(PublicOptions),
        [LinkOptions.Section] = typeof(LinkOptions),
        [SubmissionOptions.Section] = typeof(SubmissionOptions),
        [WebhookOptions.Section] = typeof(WebhookOptions),
        [StorageOptions.Section] = typeof(StorageOptions),
        [NetworkOptions.Section] = typeof(NetworkOptions),
        [AssetOptions.Section] = typeof(AssetOptions),
    };

    /// <summary>Adds everything but the ports.</summary>
    public static IServiceCollection AddPipeline(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        Options<RunComfyOptions, RunComfyOptionsValidator>(RunComfyOptions.Section);
        Options<PipelineOptions, PipelineOptionsValidator>(PipelineOptions.Section);
        Options<PollingOptions, PollingOptionsValidator>(PollingOptions.Section);
        Options<PublicOptions, PublicOptionsValidator>(PublicOptions.Section);
        Options<LinkOptions, LinkOptionsValidator>(LinkOptions.Section);
        Options<SubmissionOptions, SubmissionOptionsValidator>(SubmissionOptions.Section);
        Options<WebhookOptions, WebhookOptionsValidator>(WebhookOptions.Section);
        Options<StorageOptions, StorageOptionsValidator>(StorageOptions.Section);
        Options<NetworkOptions, NetworkOptionsValidator>(NetworkOptions.Section);
        Options<AssetOptions, AssetOptionsValidator>(AssetOptions.Section);

        services.AddSingleton(s => new GuardedClient(s.GetRequiredService<IOptions<NetworkOptions>>()));
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<RunComfyClient>(
            s, new HttpClient(RunComfyClient.CreateHandler(OutboundProxy.Of(s.GetRequiredService<IOptions<NetworkOptions>>().Value)))));
        // The options' validator has checked that the model is known.
        services.AddSingleton(s => ModelContract.Find(s.GetRequiredService<IOptions<RunComfyOptions>>().Value.Model)!);
        services.AddSingleton<RequestReader>().AddSingleton<UploadReader>().AddSingleton<ImageCheck>().AddSingleton<AssetDelivery>().AddSingleton<ResultTransfer>().AddSingleton<RequestFiles>();
        services.AddSingleton<WebhookSender>().AddSingleton<Subscriptions>().AddSingleton<DeadLetters>().AddSingleton<Redelivery>();
        services.AddSingleton(s => new PriceList(
            async cancellationToken => (await s.GetRequiredService<RunComfyClient>().GetModelAsync(cancellationToken)).Value, s.GetRequiredService<ModelContract>(), s.GetRequiredService<IOptions<RunComfyOptions>>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Quota>().AddSingleton<HandOver>().AddSingleton<Spending>().AddSingleton<StalePlaces>().AddSingleton<ResumeClaims>();
        services.AddSingleton(s => new DeliverySchedule(s.GetRequiredService<IOptions<WebhookOptions>>().Value.Schedule));
        services.AddSingleton<Batches>().AddSingleton<BatchIntake>().AddSingleton<ManyJobs>().AddSingleton<UploadReports>().AddSingleton<UploadedBatches>();
        services.AddSingleton<JobIntake>().AddSingleton<UploadIntake>().AddSingleton<Retention>().AddSingleton<JobActions>().AddSingleton<OldJobs>();
        services.AddSingleton<PermitSteps>().AddSingleton<ValidateStep>().AddSingleton<SubmitStep>().AddSingleton<PollStep>().AddSingleton<LearnedRunTimes>().AddSingleton<FirstPoll>().AddSingleton(Plan).AddSingleton<CancelStep>();
        services.AddSingleton<StoreStep>().AddSingleton<FindReceiversStep>().AddSingleton<DeliverStep>().AddSingleton<EndBatchItemStep>().AddSingleton<ReportUploadStep>();
        services.AddSingleton<ProviderChecks>().AddSingleton<StoreCheck>().AddSingleton<AddressCheck>().AddSingleton<Doctor>();
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

    private static PollPlan Plan(IServiceProvider services)
    {
        var (bounds, worth) = (services.GetRequiredService<IOptions<PipelineOptions>>().Value, services.GetRequiredService<IOptions<PollingOptions>>().Value);
        return new(bounds.PollMin, bounds.PollMax, worth.SecondsPerPoll);
    }

    /// <summary>Every workflow and every step, bound to its code. The code is resolved when it runs: steps may need the engine.</summary>
    private static WorkflowCatalog Catalog(IServiceProvider services)
    {
        return new WorkflowCatalog(PipelineJson.Default.Options)
            .Add<VideoJob, JobState>(GenerateVideo.Name, GenerateVideo.RunAsync)
            .Add<Notification, NotificationState>(Notify.Name, Notify.RunAsync)
            .Add(Steps.TakeDay, (id, cancellationToken) => The<PermitSteps>().TakeDayAsync(id, cancellationToken))
            .Add(Steps.AcquireSlot, (id, cancellationToken) => The<PermitSteps>().AcquireSlotAsync(id, cancellationToken))
            .Add(Steps.ReleaseSlot, (id, cancellationToken) => The<HandOver>().ReleaseSlotAsync(id, cancellationToken))
            .Add(Steps.Validate, (input, cancellationToken) => The<ValidateStep>().RunAsync(input, cancellationToken))
            .Add(Steps.Submit, (input, cancellationToken) => The<SubmitStep>().RunAsync(input, cancellationToken))
            .Add(Steps.Poll, (input, cancellationToken) => The<PollStep>().RunAsync(input, cancellationToken))
            .Add(Steps.Cancel, (requestId, cancellationToken) => The<CancelStep>().RunAsync(requestId, cancellationToken))
            .Add(Steps.Store, (input, cancellationToken) => The<StoreStep>().RunAsync(input, cancellationToken))
            .Add(Steps.FindReceivers, (input, cancellationToken) => The<FindReceiversStep>().RunAsync(input, cancellationToken))
            .Add(Steps.EndBatchItem, (end, cancellationToken) => The<EndBatchItemStep>().RunAsync(end, cancellationToken))
            .Add(Steps.ReportUpload, (failure, cancellationToken) => The<ReportUploadStep>().RunAsync(failure, cancellationToken))
            .Add(Notify.Deliver, (delivery, cancellationToken) => The<DeliverStep>().RunAsync(delivery, cancellationToken));

        T The<T>()
            where T : notnull => services.GetRequiredService<T>();
    }
}
