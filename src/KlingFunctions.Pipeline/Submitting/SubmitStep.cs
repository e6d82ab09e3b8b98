using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>
/// The step that costs money. It may run more than once, and may die at any point: the ledger is what makes it pay at most once.
/// </summary>
public sealed partial class SubmitStep(
    ModelContract model, RunComfyClient client, ISubmissionLedger ledger, TurnSteps turns, IAssetLinks links, IOptions<PipelineOptions> pipeline, IOptions<SubmissionOptions> submission,
    TimeProvider time, ILogger<SubmitStep> logger)
{
    // With WhenInDoubt = resubmit a submission may take a new key when the one before is in doubt; a person decides after the last.
    private const int MaxKeys = 3;

    private static readonly TimeSpan AskLedgerAgainAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(10);

    private bool Resubmits => submission.Value.WhenInDoubt is "resubmit";

    /// <summary>Submits, unless the ledger says that this was done or may have been done.</summary>
    public async Task<SubmitOutcome> RunAsync(SubmitInput input, CancellationToken cancel)
    {
        for (var n = 1; ; n++)
        {
            var key = n == 1 ? input.Key : $"{input.Key}~{n}";
            var entry = await ledger.FindAsync(key, cancel);
            if (entry is null && !input.OnlyAsk) return await SubmitAsync(input, key, isFirst: n == 1, mayTakeAnother: Resubmits && n < MaxKeys, cancel);
            if (entry is null && n == 1) return NotYet(TimeSpan.Zero, "Nothing was submitted.");
            if (entry?.RequestId is { } requestId) return Accepted(requestId, entry.SubmittedAt ?? time.GetUtcNow());
            if (entry is { MayBeUnderWay: true }) return UnderWay();
            if (entry is null || !Resubmits || n == MaxKeys) return InDoubt("The host stopped between sending the request to RunComfy and hearing the answer.");
        }
    }

    private async Task<SubmitOutcome> SubmitAsync(SubmitInput input, string key, bool isFirst, bool mayTakeAnother, CancellationToken cancel)
    {
        // The links are minted here, are good for long enough, and never leave this method.
        var (body, faults) = await AssetReferences.ResolveAsync(model, input.Input, links, cancel);
        if (faults.Count > 0) return Failed(faults[0].Code, faults[0].Message);
        var (waiting, day) = (isFirst ? SubmitResult.NotYet : SubmitResult.Unsettled, turns.Today);
        // It has no deadline: the wait is the owner's own wish, and ends with the day.
        if (await turns.FindHindranceAsync(input.JobId, key, cancel) is { } hindrance) return new(waiting, Delay: hindrance.Delay, Error: hindrance.Cause);
        if (!await ledger.TryIntendAsync(key, time.GetUtcNow(), cancel)) return UnderWay();
        if (turns.Today != day)
        {
            await ledger.WithdrawAsync(key, CancellationToken.None);
            return Later(waiting, TryAgainAfter, "Midnight (UTC) passed before it was sent: it counts for the new day.");
        }

        // From here to the ledger's next entry nothing may be broken off: a POST whose answer nobody awaits is a submission in doubt.
        switch (await client.SubmitAsync(body, CancellationToken.None))
        {
            case SubmitAnswer.Accepted accepted:
                return await RecordAsync(input.JobId, key, accepted.RequestId);
            case SubmitAnswer.Refused { Fault: var fault }:
                await ledger.WithdrawAsync(key, CancellationToken.None);
                return fault.Class switch
                {
                    // Another submission of this job is in doubt: whatever came of this one, that may have been paid for.
                    FaultClass.Transient when !isFirst => Later(SubmitResult.Unsettled, Wait(fault), fault.Message),
                    _ when !isFirst => InDoubt($"The answer to an earlier submission was lost, and this one was refused. {fault.Message}"),
                    FaultClass.Auth => Failed(
                        ErrorCodes.ProviderAuth, $"RunComfy refused the API token, and nothing was paid. {fault.Message} Set RunComfy:ApiToken to a valid token, then resume the job."),
                    FaultClass.Balance => Failed(
                        ErrorCodes.ProviderBalance, $"The RunComfy account has too little balance, and nothing was paid. {fault.Message} Top it up, then resume the job."),
                    FaultClass.Transient => NotYet(Wait(fault), $"RunComfy takes no more requests just now. {fault.Message}"),
                    _ => Failed(ErrorCodes.ProviderRejected, $"RunComfy refused the request, and nothing was paid. {fault.Message}"),
                };
            case SubmitAnswer.NotSent { Message: var message }:
                await ledger.WithdrawAsync(key, CancellationToken.None);
                return Later(waiting, TryAgainAfter, message);
            case SubmitAnswer.InDoubt { Message: var message }:
                KlingTelemetry.InDoubt.Add(1);
                LogInDoubt(logger, input.JobId, message);
                return mayTakeAnother
                    ? Later(SubmitResult.Unsettled, TryAgainAfter, $"{message} Submission:WhenInDoubt is 'resubmit': it is submitted again.")
                    : InDoubt(message);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }
    }

    private async Task<SubmitOutcome> RecordAsync(string jobId, string key, string requestId)
    {
        var now = time.GetUtcNow();
        KlingTelemetry.Submitted.Add(1);
        LogAccepted(logger, jobId, requestId);
        try
        {
            await ledger.RecordAsync(key, requestId, now, CancellationToken.None);
        }
        catch (Exception e)
        {
            // The id is known and paid for: it goes into the workflow's history all the same, and into the log.
            LogNotRecorded(logger, e, jobId, requestId);
        }
        return Accepted(requestId, now);
    }

    private SubmitOutcome Accepted(string requestId, DateTimeOffset at) =>
        new(SubmitResult.Accepted, requestId, at, at + pipeline.Value.Deadline);

    // A date in Retry-After may come from a clock that is wrong: one in the past must not turn waiting into a spin, nor one far ahead stop the job.
    private TimeSpan Wait(ProviderFault fault) => TimeSpan.FromTicks(Math.Clamp(
        (fault.RetryAfter ?? TryAgainAfter).Ticks, Math.Min(pipeline.Value.PollMin.Ticks, ProviderFault.LongestRetryAfter.Ticks), ProviderFault.LongestRetryAfter.Ticks));

    private SubmitOutcome NotYet(TimeSpan delay, string message) => Later(SubmitResult.NotYet, delay, message);

    private SubmitOutcome UnderWay() => Later(SubmitResult.Unsettled, AskLedgerAgainAfter, "Another run of this step is submitting it.");

    private SubmitOutcome Later(SubmitResult result, TimeSpan delay, string message) => new(
        result, Until: time.GetUtcNow() + pipeline.Value.Deadline, Delay: delay, Error: new(FaultCode.ProviderUnavailable, message));

    private static SubmitOutcome Failed(string code, string message) => new(SubmitResult.Failed, Error: new(code, message));

    private static SubmitOutcome InDoubt(string what) => Failed(
        ErrorCodes.SubmissionInDoubt,
        $"{what} RunComfy may or may not have accepted, and charged for, this request. Look at the Generations page on runcomfy.com: if it is there, resume the job with {{\"request_id\": \"…\"}}; if it is not, resume it with {{\"resubmit\": true}}.");

    [LoggerMessage(LogLevel.Information, "Job {JobId} was accepted by RunComfy as {RequestId}.")]
    private static partial void LogAccepted(ILogger logger, string jobId, string requestId);

    [LoggerMessage(LogLevel.Error, "The submission of job {JobId} is in doubt: {Message}")]
    private static partial void LogInDoubt(ILogger logger, string jobId, string message);

    [LoggerMessage(LogLevel.Critical, "Job {JobId} is paid for as {RequestId}, and the ledger could not be written.")]
    private static partial void LogNotRecorded(ILogger logger, Exception e, string jobId, string requestId);
}
