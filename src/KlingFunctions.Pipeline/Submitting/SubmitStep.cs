using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>
/// The step that costs money. It may run more than once, and may crash at any point: the ledger makes it pay at most once.
/// </summary>
internal sealed partial class SubmitStep(
    RunComfyClient client, ISubmissionLedger ledger, PermitSteps permits, AssetDelivery delivery, FirstPoll firstPoll, IOptions<PipelineOptions> pipeline, IOptions<SubmissionOptions> submission,
    TimeProvider time, ILogger<SubmitStep> logger)
{
    private static readonly TimeSpan AskLedgerAgainAfter = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(10);

    private bool Resubmits => submission.Value.WhenInDoubt is "resubmit";

    /// <summary>Submits, unless the ledger says that this was done or may have been done.</summary>
    public async Task<SubmitOutcome> RunAsync(SubmitInput input, CancellationToken cancellationToken)
    {
        // A refused submission is not in doubt, even if its intent could not be deleted at once.
        if (input.RefusedIntent is { } refused) await ledger.WithdrawAsync(input.Key, refused, cancellationToken);
        for (var n = 1; ; n++)
        {
            // With WhenInDoubt = resubmit, a submission may use a new key when the one before is in doubt.
            var key = SubmissionKeys.Of(input.Key, n);
            var entry = await ledger.FindAsync(key, cancellationToken);
            // An answer to a submission of an earlier run may have come after a person decided to resubmit.
            if (entry is null && n == 1 && SubmissionKeys.IsResubmission(input.JobId, input.Key)
                && await SubmissionKeys.FindPaidAsync(ledger, input.JobId, input.Key, cancellationToken) is { RequestId: { } late } paid)
            {
                return await AcceptedAsync(input, late, paid.SubmittedAt ?? time.GetUtcNow());
            }
            if (entry is null && !input.OnlyAsk) return await SubmitAsync(input, key, isFirst: n == 1, mayTakeAnother: Resubmits && n < SubmissionKeys.MostInARun, cancellationToken);
            if (entry is null && n == 1) return Retryable(TimeSpan.Zero, "Nothing was submitted.");
            if (entry?.RequestId is { } requestId) return await AcceptedAsync(input, requestId, entry.SubmittedAt ?? time.GetUtcNow());
            if (entry is { MayBeUnderWay: true }) return UnderWay();
            if (entry is null || !Resubmits || n == SubmissionKeys.MostInARun) return InDoubt("The host stopped between sending the request to RunComfy and hearing the answer.");
        }
    }

    private async Task<SubmitOutcome> SubmitAsync(SubmitInput input, string key, bool isFirst, bool mayTakeAnother, CancellationToken cancellationToken)
    {
        // The upload's path may name another image by now, which has its own job: this one would pay for the same video.
        if (input.Image is { } image && !await delivery.IsThereAsync(image, cancellationToken))
        {
            return Failed(
                FaultCode.ImageUnreachable,
                $"The image '{image.Path}' was replaced before its job was submitted, and nothing was paid. The new image has its own job. Upload the former one under another name.");
        }
        // Links are signed and images read here, and never leave this method.
        var (body, faults) = await delivery.ResolveAsync(input.Input, cancellationToken);
        if (faults.Count > 0) return Failed(faults[0].Code, faults[0].Message);
        var (waiting, day) = (isFirst ? SubmitResult.Retryable : SubmitResult.Unknown, permits.Today);
        // No deadline: the owner chose the caps, and the wait for one ends with the day at the latest.
        if (await permits.FindHindranceAsync(input.JobId, key, input.Input, cancellationToken) is { } hindrance) return new(waiting, Delay: hindrance.Delay, Error: hindrance.Cause);
        var intendedAt = time.GetUtcNow();
        if (!await ledger.TryIntendAsync(key, intendedAt, cancellationToken)) return UnderWay();
        if (permits.Today != day)
            return await WithdrawAsync(Later(waiting, TryAgainAfter, "Midnight (UTC) passed before it was sent: it counts for the new day."));

        // Not cancellable until the ledger's next entry: a POST whose answer is not awaited is a submission in doubt.
        switch (await client.SubmitAsync(body, CancellationToken.None))
        {
            case SubmitAnswer.Accepted accepted:
                return await RecordAsync(input, key, accepted.RequestId);
            case SubmitAnswer.Refused { Fault: var fault }:
                return await WithdrawAsync(fault.Class switch
                {
                    // Another submission of this job is in doubt and may have been paid for, whatever the result of this one.
                    FaultClass.Transient when !isFirst => Later(SubmitResult.Unknown, Wait(fault), fault.Message),
                    _ when !isFirst => InDoubt($"The answer to an earlier submission was lost, and this one was refused. {fault.Message}"),
                    FaultClass.Auth => Failed(
                        ErrorCodes.ProviderAuth, $"RunComfy refused the API token, and nothing was paid. {fault.Message} Set RunComfy:ApiToken to a valid token, then resume the job."),
                    FaultClass.Balance => Failed(
                        ErrorCodes.ProviderBalance, $"The RunComfy account has too little balance, and nothing was paid. {fault.Message} Top it up, then resume the job."),
                    FaultClass.Transient => Retryable(Wait(fault), $"RunComfy takes no more requests just now. {fault.Message}"),
                    _ => Failed(ErrorCodes.ProviderRejected, $"RunComfy refused the request, and nothing was paid. {fault.Message}"),
                });
            case SubmitAnswer.NotSent { Message: var message }:
                return await WithdrawAsync(Later(waiting, TryAgainAfter, message));
            case SubmitAnswer.InDoubt { Message: var message }:
                KlingTelemetry.InDoubt.Add(1);
                LogInDoubt(logger, input.JobId, message);
                return mayTakeAnother
                    ? Later(SubmitResult.Unknown, TryAgainAfter, $"{message} Submission:WhenInDoubt is 'resubmit': it is submitted again.")
                    : InDoubt(message);
            default:
                throw new InvalidOperationException("An answer of RunComfy is not handled.");
        }

        // The refusal is known even if the ledger can't be written: the next run deletes this very intent.
        async Task<SubmitOutcome> WithdrawAsync(SubmitOutcome outcome)
        {
            try
            {
                await ledger.WithdrawAsync(key, intendedAt, CancellationToken.None);
                await permits.GiveBackAsync(key, CancellationToken.None);
                return outcome;
            }
            catch (Exception e)
            {
                LogNotWithdrawn(logger, e, input.JobId);
                return isFirst ? outcome with { RefusedIntent = intendedAt } : outcome;
            }
        }
    }

    private async Task<SubmitOutcome> RecordAsync(SubmitInput input, string key, string requestId)
    {
        var now = time.GetUtcNow();
        KlingTelemetry.Submitted.Add(1);
        if (input.Price is { Total: { } total } price)
            KlingTelemetry.Spent.Add((double)total, new("currency", price.Currency), new("source", price.Source));
        LogAccepted(logger, input.JobId, requestId);
        try
        {
            await ledger.RecordAsync(key, requestId, now, CancellationToken.None);
        }
        catch (Exception e)
        {
            // The id is known and paid for: it still goes into the workflow's history and the log.
            LogNotRecorded(logger, e, input.JobId, requestId);
        }
        return await AcceptedAsync(input, requestId, now);
    }

    private async Task<SubmitOutcome> AcceptedAsync(SubmitInput input, string requestId, DateTimeOffset at)
    {
        var first = await firstPoll.PlanAsync(input.JobId, input.Input, at, CancellationToken.None);
        return new(SubmitResult.Accepted, requestId, at, at + pipeline.Value.Deadline, first?.Delay, ExpectedAt: first?.ExpectedAt);
    }

    // A date in Retry-After may come from a wrong clock: one in the past must not cause a busy loop, nor one far ahead stop the job.
    private TimeSpan Wait(ProviderFault fault) => TimeSpan.FromTicks(Math.Clamp(
        (fault.RetryAfter ?? TryAgainAfter).Ticks, Math.Min(pipeline.Value.PollMin.Ticks, ProviderFault.LongestRetryAfter.Ticks), ProviderFault.LongestRetryAfter.Ticks));

    private SubmitOutcome Retryable(TimeSpan delay, string message) => Later(SubmitResult.Retryable, delay, message);

    private SubmitOutcome UnderWay() => Later(SubmitResult.Unknown, AskLedgerAgainAfter, "Another run of this step is submitting it.");

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

    [LoggerMessage(LogLevel.Warning, "The submission of job {JobId} was refused, and its intent could not be deleted from the ledger: the next run deletes it.")]
    private static partial void LogNotWithdrawn(ILogger logger, Exception e, string jobId);

    [LoggerMessage(LogLevel.Critical, "Job {JobId} is paid for as {RequestId}, and the ledger could not be written.")]
    private static partial void LogNotRecorded(ILogger logger, Exception e, string jobId, string requestId);
}
