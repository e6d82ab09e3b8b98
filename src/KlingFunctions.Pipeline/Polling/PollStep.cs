using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>
/// Asks RunComfy how a request stands, and plans the next poll. The video is paid for, so nothing but RunComfy's own word that it is over
/// ends a job here: whatever else goes wrong is shown, and waited out until the deadline.
/// </summary>
public sealed class PollStep(RunComfyClient client, IOptions<PipelineOptions> options, TimeProvider time)
{
    // "Not found" may be a fresh request that one of RunComfy's servers has not heard of yet, or a store of theirs that is away for a while; and
    // what ends here can't be resumed, though it is paid for. With the backoff and the usual settings these take three minutes and more.
    private const int MostMissing = 10;

    private readonly PollPlan _plan = new(options.Value.PollMin, options.Value.PollMax);

    /// <summary>What RunComfy says, and when to ask again.</summary>
    public async Task<PollOutcome> RunAsync(PollInput input, CancellationToken cancel)
    {
        var outcome = await AskAsync(input, cancel);
        KlingTelemetry.Polls.Add(1, new KeyValuePair<string, object?>("result", outcome.Result.ToString()));
        return outcome;
    }

    private async Task<PollOutcome> AskAsync(PollInput input, CancellationToken cancel)
    {
        switch (await client.GetStatusAsync(input.RequestId, cancel))
        {
            case StatusAnswer.Known { State: RequestState.Queued or RequestState.Running } known:
                return Waiting(input, known);
            case StatusAnswer.Known { State: RequestState.Cancelled } known:
                return new(PollResult.Cancelled, TimeSpan.Zero, known.Word);
            case StatusAnswer.Known over:
                return await AskForResultAsync(input, over, cancel);
            case StatusAnswer.UnknownWord { Word: var word }:
                return await AskWhetherOverAsync(input, word, cancel)
                    ?? Unknown(input, word, $"RunComfy reports a state that this version does not know ('{word}'): the job goes on being watched.");
            // An answer that tells no state, or does not know the request: the result may be there all the same.
            case StatusAnswer.Faulted { Fault: { HttpStatus: (>= 200 and <= 299) or 404 or 405 or 410, Class: FaultClass.Transient or FaultClass.NotFound } fault }:
                return await AskWhetherOverAsync(input, word: null, cancel) ?? Faulted(input, fault);
            case StatusAnswer.Faulted { Fault: var fault }:
                return Faulted(input, fault);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }
    }

    /// <summary>Where the status can't be read, the result decides (a client may poll it alone); null where it does not say that all is over.</summary>
    private async Task<PollOutcome?> AskWhetherOverAsync(PollInput input, string? word, CancellationToken cancel) =>
        await client.GetResultAsync(input.RequestId, cancel) switch
        {
            ResultAnswer.Succeeded { Files.Count: > 0 } => new(PollResult.Succeeded, TimeSpan.Zero, word ?? "completed"),
            ResultAnswer.Failed { Message: var message } => Failed(word ?? "failed", message),
            ResultAnswer.Cancelled => new(PollResult.Cancelled, TimeSpan.Zero, "cancelled"),
            _ => null,
        };

    /// <summary>A status that says "over" only means that there is a result: the result tells success.</summary>
    private async Task<PollOutcome> AskForResultAsync(PollInput input, StatusAnswer.Known status, CancellationToken cancel)
    {
        switch (await client.GetResultAsync(input.RequestId, cancel))
        {
            case ResultAnswer.Succeeded:
                return new(PollResult.Succeeded, TimeSpan.Zero, status.Word);
            case ResultAnswer.Failed { Message: var message }:
                return Failed(status.Word, message);
            case ResultAnswer.Cancelled:
                return new(PollResult.Cancelled, TimeSpan.Zero, "cancelled");
            case ResultAnswer.NotReady:
                return Unknown(input, status.Word, $"RunComfy says '{status.Word}' and has no result yet: it is asked again.");
            case ResultAnswer.Faulted { Fault.Class: FaultClass.NotFound } when status.State is RequestState.Failed:
                return Failed(status.Word, "RunComfy gave no reason.");
            case ResultAnswer.Faulted { Fault: var fault }:
                return Faulted(input, fault);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }
    }

    private PollOutcome Waiting(PollInput input, StatusAnswer.Known known) => new(
        known.State is RequestState.Queued ? PollResult.Queued : PollResult.Running,
        Delay(input, known.State, known.QueuePosition),
        known.Word,
        known.State is RequestState.Queued ? known.QueuePosition : null);

    private PollOutcome Faulted(PollInput input, ProviderFault fault)
    {
        var missing = fault.Class is FaultClass.NotFound ? input.Missing + 1 : 0;
        if (missing == MostMissing)
        {
            return new(PollResult.Failed, TimeSpan.Zero, Error: new(
                ErrorCodes.ProviderExpired, $"RunComfy no longer knows request {input.RequestId}: it was deleted or has expired. {fault.Message} If it comes back, resume the job."));
        }
        var (code, message) = fault.Class switch
        {
            FaultClass.Auth => (ErrorCodes.ProviderAuth, $"RunComfy refuses the API token. The video is paid for, so the job waits: set RunComfy:ApiToken to a valid token. {fault.Message}"),
            FaultClass.Balance => (ErrorCodes.ProviderBalance, $"RunComfy says that the account has too little balance. The video is paid for, so the job waits. {fault.Message}"),
            _ => (FaultCode.ProviderUnavailable, $"RunComfy could not be asked; it is asked again. {fault.Message}"),
        };
        return new(
            PollResult.Unknown, Delay(input, null, null, input.Faults + 1, fault.RetryAfter), Attention: new Fault("", code, message), Missing: missing);
    }

    private PollOutcome Unknown(PollInput input, string word, string message) => new(
        PollResult.Unknown, Delay(input, null, null), word, Attention: new Fault("", FaultCode.ProviderStatusUnknown, message));

    private static PollOutcome Failed(string word, string message) => new(
        PollResult.Failed, TimeSpan.Zero, word, Error: new(ErrorCodes.ProviderFailed, $"RunComfy says that the generation failed: {message}"));

    private TimeSpan Delay(PollInput input, RequestState? state, int? position, int faults = 0, TimeSpan? retryAfter = null) =>
        _plan.DelayAfter(new(time.GetUtcNow() - input.SubmittedAt, state, position, faults, retryAfter), input.JobId);
}
