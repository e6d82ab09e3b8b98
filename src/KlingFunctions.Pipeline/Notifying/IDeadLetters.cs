namespace KlingFunctions.Pipeline.Notifying;

/// <summary>A notification that was not delivered in the end.</summary>
/// <param name="NotificationId">The instance id of its workflow: what <c>redeliver</c> starts anew.</param>
/// <param name="JobId">The job.</param>
/// <param name="Receiver">The receiver's host.</param>
/// <param name="Reason">Why the last try failed, without secrets.</param>
/// <param name="Body">The body that was to be delivered.</param>
/// <param name="At">When it was given up (UTC).</param>
public sealed record DeadLetter(string NotificationId, string JobId, string Receiver, string Reason, string Body, DateTimeOffset At);

/// <summary>The notifications that were given up.</summary>
public interface IDeadLetters
{
    /// <summary>Keeps one, durably, over an older one of the same notification.</summary>
    Task AddAsync(DeadLetter letter, CancellationToken cancel);

    /// <summary>Forgets one that was delivered after all. A repeat is harmless.</summary>
    Task RemoveAsync(string notificationId, CancellationToken cancel);

    /// <summary>All of them, newest first.</summary>
    Task<IReadOnlyList<DeadLetter>> ListAsync(CancellationToken cancel);
}
