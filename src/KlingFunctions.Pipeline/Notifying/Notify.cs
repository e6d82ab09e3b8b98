using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>One try to deliver.</summary>
/// <param name="Notification">The notification to deliver.</param>
/// <param name="Attempt">The number of the try, from 1.</param>
/// <param name="Since">When this round of tries began (UTC): a redelivery is another round.</param>
public sealed record Delivery(Notification Notification, int Attempt, DateTimeOffset? Since = null);

/// <summary>The outcome of a try.</summary>
/// <param name="State">Delivered, gone, still pending, or given up.</param>
/// <param name="Delay">The delay before the next try, when pending.</param>
/// <param name="Reason">Why it failed, without secrets.</param>
public sealed record DeliveryOutcome(DeliveryState State, TimeSpan? Delay = null, string? Reason = null);

/// <summary>
/// The workflow that notifies one receiver of a job's end, over days if needed, after the job itself has ended.
/// </summary>
public static class Notify
{
    /// <summary>The orchestrator's name.</summary>
    public const string Name = "Notify";

    /// <summary>The prefix of the ids of all notifications of a job, from any of its runs.</summary>
    public static string IdsBeginWith(string jobId) => $"ntf_{jobId}_";

    /// <summary>
    /// The name of a job's end in ids: its job, a hash of its acceptance time and paid request, and its run. Receivers drop a message whose
    /// id they have seen, so another job's end must not have it, even under the same job id.
    /// </summary>
    public static string EndOf(VideoJob job, string? requestId)
    {
        if (!job.HasBoundIds) return $"{job.Id}_{job.Run}";
        var mark = SHA256.HashData(Encoding.UTF8.GetBytes($"{job.CreatedAt.UtcTicks}|{requestId}"));
        return $"{job.Id}_{Convert.ToHexStringLower(mark)[..12]}_{job.Run}";
    }

    /// <summary>Makes one try. A repeat after a crash sends the same body under the same <c>webhook-id</c>.</summary>
    public static readonly Step<Delivery, DeliveryOutcome> Deliver = new("Deliver");

    // Only the step knows the schedule, which is the owner's setting; this delay is for a step that can't run.
    private static readonly TimeSpan AfterABrokenStep = TimeSpan.FromMinutes(5);
    private const int MaxBrokenSteps = 20;
    private const string WhatBroke = "The host could not try to deliver it; its log says why.";

    /// <summary>Runs the workflow.</summary>
    public static async Task<NotificationState> RunAsync(IWorkflowContext context, Notification notification)
    {
        var state = new NotificationState(context.Id, notification.Receiver.Host, DeliveryState.Pending, 0, context.Now + (notification.Receiver.After ?? TimeSpan.Zero));
        var (broken, since) = (0, context.Now);
        while (true)
        {
            context.ReportStatus(state);
            if (state.NextAttemptAt is { } due) await context.WaitUntilAsync(due, CancellationToken.None);
            var attempt = state.Attempts + 1;
            DeliveryOutcome outcome;
            try
            {
                outcome = await context.CallAsync(Deliver, new Delivery(notification, attempt, since));
            }
            catch (StepFailedException)
            {
                // The exception goes to the log alone. A notification that is given up stays stored and can be redelivered.
                outcome = ++broken < MaxBrokenSteps
                    ? new(DeliveryState.Pending, AfterABrokenStep, WhatBroke)
                    : new(DeliveryState.DeadLetter, Reason: WhatBroke);
                attempt = state.Attempts;
            }
            state = state with
            {
                State = outcome.State,
                Attempts = attempt,
                NextAttemptAt = outcome.State is DeliveryState.Pending ? context.Now + (outcome.Delay ?? TimeSpan.Zero) : null,
                Reason = outcome.Reason,
            };
            if (state.State is not DeliveryState.Pending)
            {
                context.ReportStatus(state);
                return state;
            }
        }
    }
}
