namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>What came of asking RunComfy to cancel.</summary>
public enum CancelOutcome
{
    /// <summary>It is cancelled.</summary>
    Cancelled,

    /// <summary>It is in progress or has ended: RunComfy does not cancel it.</summary>
    Refused,

    /// <summary>RunComfy could not be asked; the next poll tries again.</summary>
    NotAsked,
}

/// <summary>Asks RunComfy to cancel a request, which it does only while that is queued.</summary>
public sealed class CancelStep(RunComfyClient client)
{
    /// <summary>What came of it.</summary>
    public async Task<CancelOutcome> RunAsync(string requestId, CancellationToken cancel) => await client.CancelAsync(requestId, cancel) switch
    {
        CancelAnswer.Cancelled => CancelOutcome.Cancelled,
        CancelAnswer.NotCancellable => CancelOutcome.Refused,
        _ => CancelOutcome.NotAsked,
    };
}
