using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>What is to be stored.</summary>
/// <param name="JobId">Whose.</param>
/// <param name="RequestId">RunComfy's id: the step fetches the result itself, so that result links never enter the history.</param>
/// <param name="IsLastTry">True if the workflow will not try again.</param>
public sealed record StoreInput(string JobId, string RequestId, bool IsLastTry = false);

/// <summary>What came of storing.</summary>
/// <param name="Files">The stored files, the video first; null if it failed.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="MayRetry">Whether trying again soon may help.</param>
/// <param name="HasProgressed">Whether more of the video is there than before: then this was no failed try.</param>
/// <param name="Warnings">What could not be kept beside the video.</param>
public sealed record StoreOutcome(
    IReadOnlyList<StoredFile>? Files, JobError? Error = null, bool MayRetry = false, bool HasProgressed = false, IReadOnlyList<Fault>? Warnings = null);

/// <summary>
/// Fetches the result and keeps every file that it names. Run again, it finds what is kept already; the result is fetched anew each time,
/// for its links may be short-lived.
/// </summary>
public sealed class StoreStep(RunComfyClient client, ResultKeeper keeper)
{
    /// <summary>The kept files, or why there are none.</summary>
    public async Task<StoreOutcome> RunAsync(StoreInput input, CancellationToken cancel)
    {
        switch (await client.GetResultAsync(input.RequestId, cancel))
        {
            case ResultAnswer.Succeeded { Files: var files }:
                return Outcome(await keeper.KeepAsync(input.JobId, input.RequestId, files, cancel, input.IsLastTry));
            case ResultAnswer.Failed { Message: var message }:
                return new(null, new(ErrorCodes.ProviderFailed, $"RunComfy says that the generation failed: {message}"));
            case ResultAnswer.Cancelled:
                return new(null, new(ErrorCodes.ProviderFailed, "RunComfy says that the request was cancelled."));
            case ResultAnswer.Faulted { Fault: { Class: FaultClass.NotFound } fault }:
                return new(null, new(ErrorCodes.ProviderExpired, $"RunComfy no longer knows request {input.RequestId}. {fault.Message}"), MayRetry: true);
            case ResultAnswer.Faulted { Fault: var fault }:
                return new(null, new(ErrorCodes.VideoUnreachable, $"RunComfy's result could not be fetched. {fault.Message}"), MayRetry: true);
            default:
                return new(null, new(ErrorCodes.VideoUnreachable, "RunComfy had said that it was finished, and now has no result."), MayRetry: true);
        }
    }

    private static StoreOutcome Outcome(KeepOutcome outcome)
    {
        switch (outcome)
        {
            case KeepOutcome.Kept { Files: var files, Missing: var missing }:
                KlingTelemetry.StoredBytes.Add(files.Sum(f => f.SizeBytes));
                return new(files, Warnings: missing.Count > 0 ? [.. missing.Select(message => new Fault("/outputs", FaultCode.OutputNotStored, message))] : null);
            case KeepOutcome.NotKept failure:
                return new(null, new(failure.Code, failure.Message), failure.MayRetry, failure.HasProgressed);
            default:
                throw new InvalidOperationException("An outcome of the keeper is not handled.");
        }
    }
}
