using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The state of the delivery to one receiver.</summary>
public enum DeliveryState
{
    /// <summary>Not delivered yet; tries continue.</summary>
    Pending,

    /// <summary>The receiver answered 2xx.</summary>
    Delivered,

    /// <summary>The receiver answered 410, or its subscription was deleted: it is no longer notified.</summary>
    Gone,

    /// <summary>Given up, and stored as a dead letter: <c>redeliver</c> tries again.</summary>
    DeadLetter,
}

/// <summary>The status of the workflow <c>Notify</c>.</summary>
/// <param name="Id">Its instance id.</param>
/// <param name="Receiver">The receiver's host.</param>
/// <param name="State">The state of the delivery.</param>
/// <param name="Attempts">The number of tries made.</param>
/// <param name="NextAttemptAt">When the next is due (UTC); null if there is none.</param>
/// <param name="Reason">Why the last try failed, without secrets.</param>
public sealed record NotificationState(
    string Id, string Receiver, DeliveryState State, int Attempts, DateTimeOffset? NextAttemptAt = null, string? Reason = null)
{
    private const string Broke = "The delivery's workflow broke; the log says why. Redeliver when the cause is gone.";

    /// <summary>The state for an engine's record of a delivery.</summary>
    /// <param name="receiver">The receiver.</param>
    /// <param name="reported">The state that its workflow last reported or returned; null if none yet.</param>
    /// <param name="run">The state of the workflow.</param>
    public static NotificationState Of(Receiver receiver, NotificationState? reported, RunState run)
    {
        var state = reported ?? new(receiver.NotificationId, receiver.Host, DeliveryState.Pending, 0);
        // A broken delivery must not look pending, or nobody would redeliver it.
        return run is RunState.Broken && state.State is DeliveryState.Pending
            ? state with { State = DeliveryState.DeadLetter, NextAttemptAt = null, Reason = Broke }
            : state;
    }
}
