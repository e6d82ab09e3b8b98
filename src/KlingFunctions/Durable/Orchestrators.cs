using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;

namespace KlingFunctions.Durable;

/// <summary>The orchestrators: the pipeline's workflows, on Durable's context.</summary>
public static class Orchestrators
{
    /// <summary>One job, from its acceptance to its end.</summary>
    [Function(GenerateVideo.Name)]
    public static Task<JobState> GenerateVideoAsync([OrchestrationTrigger] TaskOrchestrationContext context, VideoJob job) =>
        GenerateVideo.RunAsync(new DurableContext(context, DurableJson.ForHistory), job);

    /// <summary>One receiver, told that a job has ended.</summary>
    [Function(Notify.Name)]
    public static Task<NotificationState> NotifyAsync([OrchestrationTrigger] TaskOrchestrationContext context, Notification notification) =>
        Notify.RunAsync(new DurableContext(context, DurableJson.ForHistory), notification);
}
