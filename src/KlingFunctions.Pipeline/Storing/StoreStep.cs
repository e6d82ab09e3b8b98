using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>The input of the store step.</summary>
/// <param name="JobId">The job's id.</param>
/// <param name="RequestId">RunComfy's id: the step fetches the result itself, so that result links never enter the history.</param>
/// <param name="IsLastTry">True if the workflow will not retry.</param>
public sealed record StoreInput(string JobId, string RequestId, bool IsLastTry = false);

/// <summary>The outcome of the store step.</summary>
/// <param name="Files">The stored files, the video first; null if it failed.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="MayRetry">Whether a retry soon may help.</param>
/// <param name="HasProgressed">Whether this run got more of the video: then it does not count as a failed try.</param>
/// <param name="Warnings">The files beside the video that could not be stored.</param>
/// <param name="Cost">The cost of the video, if RunComfy's answer has it.</param>
public sealed record StoreOutcome(
    IReadOnlyList<StoredFile>? Files, JobError? Error = null, bool MayRetry = false, bool HasProgressed = false, IReadOnlyList<Fault>? Warnings = null,
    Cost? Cost = null);

/// <summary>
/// Fetches the result and stores every file that it names. Stored files are not downloaded again; the result is fetched on each run,
/// because its links may be short-lived.
/// </summary>
internal sealed class StoreStep(RunComfyClient client, ResultTransfer transfer)
{
    /// <summary>The stored files, or the reason why there are none.</summary>
    public async Task<StoreOutcome> RunAsync(StoreInput input, CancellationToken cancellationToken)
    {
        switch (await client.GetResultAsync(input.RequestId, cancellationToken))
        {
            case ResultAnswer.Succeeded { Files: var files, Cost: var cost }:
                return Outcome(await transfer.StoreAsync(input.JobId, input.RequestId, files, cancellationToken, input.IsLastTry)) with { Cost = cost };
            case ResultAnswer.Failed { Message: var message }:
                return new(null, new(ErrorCodes.ProviderFailed, $"RunComfy says that the generation failed: {message}"));
            case ResultAnswer.Cancelled:
                return new(null, new(ErrorCodes.ProviderFailed, "RunComfy says that the request was cancelled."));
            case ResultAnswer.Faulted { Fault: { Class: FaultClass.NotFound } fault }:
                return new(null, new(ErrorCodes.ProviderExpired, $"RunComfy no longer knows request {input.RequestId}. {fault.Message}"), MayRetry: true);
            case ResultAnswer.Faulted { Fault: var fault }:
                return new(null, new(ErrorCodes.VideoUnreachable, $"RunComfy's result could not be fetched. {fault.Message}"), MayRetry: true);
            default:
                return new(null, new(ErrorCodes.VideoUnreachable, "RunComfy had reported the end, and now has no result."), MayRetry: true);
        }
    }

    private static StoreOutcome Outcome(TransferOutcome outcome)
    {
        switch (outcome)
        {
            case TransferOutcome.Stored { Files: var files, Missing: var missing }:
                KlingTelemetry.StoredBytes.Add(files.Sum(f => f.SizeBytes));
                return new(files, Warnings: missing.Count > 0 ? [.. missing.Select(message => new Fault("/outputs", FaultCode.OutputNotStored, message))] : null);
            case TransferOutcome.NotStored failure:
                return new(null, new(failure.Code, failure.Message), failure.MayRetry, failure.HasProgressed);
            default:
                throw new InvalidOperationException("An outcome of the transfer is not handled.");
        }
    }
}
