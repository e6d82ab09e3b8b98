namespace KlingFunctions.Pipeline.RunComfy;

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
