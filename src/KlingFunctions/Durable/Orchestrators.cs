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

    /// <summary>One notification: delivers a job's or a batch's end to one receiver.</summary>
    [Function(Notify.Name)]
    public static Task<NotificationState> NotifyAsync([OrchestrationTrigger] TaskOrchestrationContext context, Notification notification) =>
        Notify.RunAsync(new DurableContext(context, DurableJson.ForHistory), notification);
}
