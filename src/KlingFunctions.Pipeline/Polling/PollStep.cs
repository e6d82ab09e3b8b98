using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>
/// Asks RunComfy for the state of a request, and plans the next poll. The video is paid for, so only RunComfy's own word ends a job here:
/// any other problem is shown, and waited out until the deadline.
/// </summary>
internal sealed class PollStep(RunComfyClient client, LearnedRunTimes learned, PollPlan plan, TimeProvider time)
{
    // "Not found" may be a fresh request that one of RunComfy's servers does not know yet, or an outage of their store, and a job that ends
    // here is paid for. With the backoff and the usual settings this many polls take three minutes or more.
    private const int MaxNotFoundPolls = 10;

    /// <summary>Polls once.</summary>
    public async Task<PollOutcome> RunAsync(PollInput input, CancellationToken cancellationToken)
    {
        var known = await learned.FindAsync(input.Duration, cancellationToken);
        var outcome = await AskAsync(input, known, cancellationToken);
        KlingTelemetry.Polls.Add(1, new KeyValuePair<string, object?>("result", outcome.Result.ToString()));
        return outcome;
    }

    private async Task<PollOutcome> AskAsync(PollInput input, RunTimeCurve? runs, CancellationToken cancellationToken)
    {
        switch (await client.GetStatusAsync(input.RequestId, cancellationToken))
        {
            case StatusAnswer.Known { State: RequestState.Queued or RequestState.Running } known:
                return Waiting(input, known, runs);
            case StatusAnswer.Known { State: RequestState.Cancelled } known:
                return new(PollResult.Cancelled, TimeSpan.Zero, known.Word);
            case StatusAnswer.Known over:
                return await AskForResultAsync(input, over, runs, cancellationToken);
            case StatusAnswer.UnknownWord { Word: var word }:
                return await AskWhetherOverAsync(input, word, cancellationToken)
                    ?? Unknown(input, runs, word, $"RunComfy reports a state that this version does not know ('{word}'): polling continues.");
            // The answer gives no state, or does not know the request: there may be a result nevertheless.
            case StatusAnswer.Faulted { Fault: { HttpStatus: (>= 200 and <= 299) or 404 or 405 or 410, Class: FaultClass.Transient or FaultClass.NotFound } fault }:
                return await AskWhetherOverAsync(input, word: null, cancellationToken) ?? Faulted(input, runs, fault);
            case StatusAnswer.Faulted { Fault: var fault }:
                return Faulted(input, runs, fault);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }
    }

    /// <summary>If the status can't be read, the result decides (a client may poll it alone); null unless it shows the end.</summary>
    private async Task<PollOutcome?> AskWhetherOverAsync(PollInput input, string? word, CancellationToken cancellationToken) =>
        await client.GetResultAsync(input.RequestId, cancellationToken) switch
        {
            ResultAnswer.Succeeded { Files.Count: > 0 } succeeded => await SucceededAsync(input, word ?? "completed", succeeded.Took, cancellationToken),
            ResultAnswer.Failed failed => await FailedAsync(input, word ?? "failed", failed, cancellationToken),
            ResultAnswer.Cancelled => new(PollResult.Cancelled, TimeSpan.Zero, "cancelled"),
            _ => null,
        };

    /// <summary>A final status only means that there is a result, which says whether it succeeded.</summary>
    private async Task<PollOutcome> AskForResultAsync(PollInput input, StatusAnswer.Known status, RunTimeCurve? runs, CancellationToken cancellationToken)
    {
        switch (await client.GetResultAsync(input.RequestId, cancellationToken))
        {
            case ResultAnswer.Succeeded { Took: var took }:
                return await SucceededAsync(input, status.Word, took, cancellationToken);
            case ResultAnswer.Failed failed:
                return await FailedAsync(input, status.Word, failed, cancellationToken);
            case ResultAnswer.Cancelled:
                return new(PollResult.Cancelled, TimeSpan.Zero, "cancelled");
            case ResultAnswer.NotReady:
                return Unknown(input, runs, status.Word, $"RunComfy says '{status.Word}' and has no result yet: it is asked again.");
            case ResultAnswer.Faulted { Fault.Class: FaultClass.NotFound } when status.State is RequestState.Failed:
                return Failed(status.Word, "RunComfy gave no reason.");
            case ResultAnswer.Faulted { Fault: var fault }:
                return Faulted(input, runs, fault);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }
    }

    private PollOutcome Waiting(PollInput input, StatusAnswer.Known known, RunTimeCurve? runs)
    {
        var (now, isQueued) = (time.GetUtcNow(), known.State is RequestState.Queued);
        var position = isQueued ? known.QueuePosition : null;
        var seen = Sightings.After(input.Seen, now, known.State, position);
        var moment = MomentOf(input, seen, now) with { State = known.State, QueuePosition = position, RetryAfter = known.RetryAfter };
        return new(
            isQueued ? PollResult.Queued : PollResult.Running, plan.DelayAfter(moment, input.JobId, runs), known.Word, position,
            Seen: seen, ExpectedAt: ExpectedAt(input, seen, isQueued, now, runs));
    }

    private async Task<PollOutcome> SucceededAsync(PollInput input, string word, TimeSpan? took, CancellationToken cancellationToken)
    {
        // Without the provider's own times, assume the middle between two polls.
        var start = StartOf(input);
        var run = RunOf(input, took) ?? (input.Seen is { } seen ? seen.At - start + ((time.GetUtcNow() - seen.At) / 2) : TimeSpan.Zero);
        await EndedAsync(input, took, run, cancellationToken);
        return new(PollResult.Succeeded, TimeSpan.Zero, word);
    }

    /// <summary>A failed run with a known time counts like any other: if runs fail early, polls come early.</summary>
    private async Task<PollOutcome> FailedAsync(PollInput input, string word, ResultAnswer.Failed failed, CancellationToken cancellationToken)
    {
        await EndedAsync(input, failed.Took, RunOf(input, failed.Took) ?? TimeSpan.Zero, cancellationToken);
        return Failed(word, failed.Message);
    }

    private async Task EndedAsync(PollInput input, TimeSpan? took, TimeSpan run, CancellationToken cancellationToken)
    {
        var wasQueued = input.Seen?.WasQueued(input.SubmittedAt);
        if (wasQueued is not null) KlingTelemetry.QueueDuration.Record((StartOf(input) - input.SubmittedAt).TotalSeconds);
        // Both times count from the submission. A fast provider clock must not give a negative lateness.
        if (took is { } known) KlingTelemetry.PollLateness.Record(Math.Max(0, (time.GetUtcNow() - input.SubmittedAt - known).TotalSeconds));
        if (run <= TimeSpan.Zero) return;
        KlingTelemetry.RunDuration.Record(run.TotalSeconds);
        await learned.AddAsync(input.Duration, run, wasQueued, cancellationToken);
    }

    private static DateTimeOffset StartOf(PollInput input) => input.Seen?.StartOf(input.SubmittedAt) ?? input.SubmittedAt;

    /// <summary>The run time. The provider's clock differs from ours, so only differences within one clock are used.</summary>
    private static TimeSpan? RunOf(PollInput input, TimeSpan? took) => took - (StartOf(input) - input.SubmittedAt);

    private static DateTimeOffset? ExpectedAt(PollInput input, Sightings seen, bool isQueued, DateTimeOffset now, RunTimeCurve? runs)
    {
        if (runs is null || (isQueued && seen.LeftInQueue is null)) return null;
        var start = isQueued ? now + seen.LeftInQueue!.Value : seen.StartOf(input.SubmittedAt);
        var expected = start + runs.Quantile(0.5, isQueued ? TimeSpan.Zero : now - start);
        return FirstPoll.WholeSecond(expected);
    }

    private PollOutcome Faulted(PollInput input, RunTimeCurve? runs, ProviderFault fault)
    {
        var missing = fault.Class is FaultClass.NotFound ? input.NotFoundPolls + 1 : 0;
        if (missing == MaxNotFoundPolls)
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
            PollResult.Unknown, AfterNoAnswer(input, runs, input.FailedPolls + 1, fault.RetryAfter), PendingIssue: new Fault("", code, message), NotFoundPolls: missing);
    }

    private PollOutcome Unknown(PollInput input, RunTimeCurve? runs, string word, string message) => new(
        PollResult.Unknown, AfterNoAnswer(input, runs), word, PendingIssue: new Fault("", FaultCode.ProviderStatusUnknown, message));

    private static PollOutcome Failed(string word, string message) => new(
        PollResult.Failed, TimeSpan.Zero, word, Error: new(ErrorCodes.ProviderFailed, $"RunComfy says that the generation failed: {message}"));

    private TimeSpan AfterNoAnswer(PollInput input, RunTimeCurve? runs, int faults = 0, TimeSpan? retryAfter = null) => plan.DelayAfter(
        MomentOf(input, input.Seen, time.GetUtcNow()) with { ConsecutiveFaults = faults, RetryAfter = retryAfter }, input.JobId, runs);

    private static PollMoment MomentOf(PollInput input, Sightings? seen, DateTimeOffset now) => new(
        now - input.SubmittedAt, Running: now - (seen?.StartOf(input.SubmittedAt) ?? input.SubmittedAt), LeftInQueue: seen?.LeftInQueue);
}
