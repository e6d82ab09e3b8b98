using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The owner's instructions for a resume.</summary>
/// <param name="RequestId">RunComfy's id of the request, found on its site: poll that request.</param>
/// <param name="Resubmit">True: submit again on purpose, at the risk of paying twice.</param>
public sealed record ResumeRequest(string? RequestId = null, bool Resubmit = false);

/// <summary>What was found of a paid video whose job has ended without it.</summary>
internal enum Found
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>RunComfy had reported a failure or a cancellation, and has the request in its queue or in progress after all.</summary>
    Running,

    /// <summary>RunComfy has a result. The job did not know of it, or its video is missing from the store.</summary>
    Finished,
}

/// <summary>The decision on a resume: the job to start again, or a refusal.</summary>
/// <param name="Job">The job to start.</param>
/// <param name="Refusal">One sentence: why it can't be resumed, or what is missing.</param>
internal sealed record Resumption(VideoJob? Job, string? Refusal)
{
    /// <summary>Whether a job with this error code can be resumed at all.</summary>
    public static bool IsPossible(string code) => code
        is not (ErrorCodes.InvalidRequest or ErrorCodes.ProviderRejected or ErrorCodes.ProviderFailed);

    /// <summary>Decides by the job's error code.</summary>
    /// <param name="snapshot">The job's current state.</param>
    /// <param name="request">The owner's instructions.</param>
    /// <param name="deadline">The end of polling (UTC), if the job resumes there.</param>
    /// <param name="found">What was found of the paid video, though the job has ended without it.</param>
    public static Resumption Of(JobSnapshot snapshot, ResumeRequest request, DateTimeOffset deadline, Found found = Found.Nothing)
    {
        var (job, state) = (snapshot.Job, snapshot.State);
        if (snapshot.IsEnding) return Refuse("The job has just ended, and its receivers are still being notified: resume it again in a minute.");
        if (snapshot.IsRunning) return Refuse("The job is running: there is nothing to resume.");
        if (MayCorrect(state) && request is { RequestId: { } corrected, Resubmit: false })
            return Go(Stage.Watch, JobStatus.InQueue, s => s with { Provider = new(corrected) });
        if (found is not Found.Nothing && request is { RequestId: null, Resubmit: false })
        {
            return found is Found.Finished
                ? Go(Stage.Store, JobStatus.Storing, s => s with { Outputs = [], Unlisted = null })
                : Go(Stage.Watch, JobStatus.InQueue, s => s);
        }
        if (state.Error is not { } error) return Refuse($"The job has {Word(state.Status)}: only a failed one can be resumed.");
        if (!IsPossible(error.Code))
            return Refuse($"A job that failed with {error.Code} can't be resumed: send the request again as a new job, corrected if necessary.");
        if (error.Code is not ErrorCodes.SubmissionInDoubt && (request.RequestId is not null || request.Resubmit))
            return Refuse($"'request_id' and 'resubmit' are for jobs in doubt; this one failed with {error.Code}: resume it without a body.");

        return error.Code switch
        {
            ErrorCodes.SubmissionInDoubt when request is { RequestId: not null, Resubmit: true } =>
                Refuse("Give either 'request_id' or 'resubmit', not both."),
            ErrorCodes.SubmissionInDoubt when request.RequestId is { } id =>
                Go(Stage.Watch, JobStatus.InQueue, s => s with { Provider = new(id), SubmittedAt = s.SubmittedAt ?? s.UpdatedAt }),
            ErrorCodes.SubmissionInDoubt when request.Resubmit =>
                Go(Stage.Queue, JobStatus.Accepted, s => s, key: SubmissionKeys.OfResubmission(job.Id, job.Run + 1)),
            ErrorCodes.SubmissionInDoubt => Refuse(
                "Whether RunComfy accepted it is not known, so say how to go on: {\"request_id\": \"…\"} with the id found on RunComfy's site, or {\"resubmit\": true} to submit anew."),
            ErrorCodes.ProviderTimeout or ErrorCodes.ProviderExpired or ErrorCodes.InternalError when state.Provider is not null =>
                Go(Stage.Watch, JobStatus.InQueue, s => s),
            _ when state.Provider is not null => Go(Stage.Store, JobStatus.Storing, s => s),
            // Nothing is paid yet: check the images again first.
            _ => Go(Stage.Queue, JobStatus.Accepted, s => s),
        };

        Resumption Go(Stage from, JobStatus status, Func<JobState, JobState> change, string? key = null)
        {
            var resumed = change(state) with
            {
                Status = status,
                Error = null,
                PendingIssue = null,
                Deadline = from is Stage.Watch ? deadline : null,
                Receivers = [],
                Warnings = [.. state.Warnings.Where(w => w.Code != FaultCode.CancelRefused)],
            };
            return new(
                job with
                {
                    Run = job.Run + 1,
                    HasBoundIds = true,
                    HasPlannedWaits = true,
                    HasReport = job.Upload is not null,
                    From = from,
                    State = resumed,
                    SubmissionKey = key ?? job.SubmissionKey,
                    RunMemo = new(),
                },
                null);
        }
    }

    /// <summary>Whether the request id may be a wrong one that a person gave: RunComfy has not ended this request well.</summary>
    private static bool MayCorrect(JobState state) =>
        state is { Provider: not null, Error.Code: ErrorCodes.ProviderExpired or ErrorCodes.ProviderFailed or ErrorCodes.ProviderTimeout };

    private static Resumption Refuse(string why) => new(null, why);

    private static string Word(JobStatus status) => status is JobStatus.Cancelled ? "been cancelled" : "succeeded";
}
