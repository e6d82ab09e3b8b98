namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>The outcome of a cancel request to RunComfy.</summary>
public enum CancelOutcome
{
    /// <summary>RunComfy cancelled the request.</summary>
    Cancelled,

    /// <summary>The request is in progress or has ended: RunComfy does not cancel it.</summary>
    Refused,

    /// <summary>The call failed; the next poll tries again.</summary>
    NotAsked,
}

/// <summary>Asks RunComfy to cancel a request; RunComfy does so only while it is queued.</summary>
internal sealed class CancelStep(RunComfyClient client)
{
    /// <summary>Sends the cancel request once.</summary>
    public async Task<CancelOutcome> RunAsync(string requestId, CancellationToken cancellationToken) => await client.CancelAsync(requestId, cancellationToken) switch
    {
        CancelAnswer.Cancelled => CancelOutcome.Cancelled,
        CancelAnswer.NotCancellable => CancelOutcome.Refused,
        _ => CancelOutcome.NotAsked,
    };
}
