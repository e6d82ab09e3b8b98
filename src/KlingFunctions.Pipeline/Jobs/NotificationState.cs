using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>How the delivery to one receiver stands.</summary>
public enum DeliveryState
{
    /// <summary>Not delivered yet; it goes on.</summary>
    Pending,

    /// <summary>The receiver answered 2xx.</summary>
    Delivered,

    /// <summary>The receiver answered 410, or its subscription was deleted: it is not told any more.</summary>
    Gone,

    /// <summary>Given up, and kept as a dead letter: <c>redeliver</c> tries again.</summary>
    DeadLetter,
}

/// <summary>The status of the workflow <c>Notify</c>.</summary>
/// <param name="Id">Its instance id.</param>
/// <param name="Receiver">The receiver's host.</param>
/// <param name="State">How the delivery stands.</param>
/// <param name="Attempts">How many tries were made.</param>
/// <param name="NextAttemptAt">When the next is due (UTC); null if there is none.</param>
/// <param name="Reason">Why the last try failed, without secrets.</param>
public sealed record NotificationState(
    string Id, string Receiver, DeliveryState State, int Attempts, DateTimeOffset? NextAttemptAt = null, string? Reason = null)
{
    private const string Broke = "The delivery's workflow broke; the log says why. Redeliver when the cause is gone.";

    /// <summary>What an engine knows of a delivery, as a client is to see it.</summary>
    /// <param name="receiver">Who is told.</param>
    /// <param name="reported">What its workflow reported last, or returned; null if nothing yet.</param>
    /// <param name="run">How the workflow stands.</param>
    public static NotificationState Of(Receiver receiver, NotificationState? reported, RunState run)
    {
        var state = reported ?? new(receiver.NotificationId, receiver.Host, DeliveryState.Pending, 0);
        // It must not look as if it went on, or nobody would redeliver it.
        return run is RunState.Broken && state.State is DeliveryState.Pending
            ? state with { State = DeliveryState.DeadLetter, NextAttemptAt = null, Reason = Broke }
            : state;
    }
}
