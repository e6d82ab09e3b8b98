using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>One try to deliver.</summary>
/// <param name="Notification">What to deliver.</param>
/// <param name="Attempt">Which try this is, from 1.</param>
/// <param name="Since">When this round of tries began (UTC): a redelivery is another round.</param>
public sealed record Delivery(Notification Notification, int Attempt, DateTimeOffset? Since = null);

/// <summary>What came of a try.</summary>
/// <param name="State">Delivered, gone, still pending, or given up.</param>
/// <param name="Delay">How long to wait before the next try, when pending.</param>
/// <param name="Reason">Why it failed, without secrets.</param>
public sealed record DeliveryOutcome(DeliveryState State, TimeSpan? Delay = null, string? Reason = null);

/// <summary>
/// The workflow that tells one receiver that a job has ended, over hours if need be, while the job itself is long finished.
/// </summary>
public static class Notify
{
    /// <summary>The orchestrator's name.</summary>
    public const string Name = "Notify";

    /// <summary>How the ids of all notifications of a job begin, whichever of its runs they tell of.</summary>
    public static string IdsBeginWith(string jobId) => $"ntf_{jobId}_";

    /// <summary>Makes one try. A repeat after a crash sends the same body under the same <c>webhook-id</c>.</summary>
    public static readonly Step<Delivery, DeliveryOutcome> Deliver = new("Deliver");

    // The schedule is the owner's setting, and so known only to the step; this is for when the step itself can't run.
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
                // What it threw is for the log alone. What is given up can be redelivered all the same: the notification itself is kept.
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
