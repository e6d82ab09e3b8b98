using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>What a person says when resuming a job.</summary>
/// <param name="RequestId">RunComfy's id of the request, found on its site: watch that.</param>
/// <param name="Resubmit">True: submit anew on purpose, at the risk of paying twice.</param>
public sealed record ResumeWish(string? RequestId = null, bool Resubmit = false);

/// <summary>How a failed job can go on: the job to start anew, or why there is none.</summary>
/// <param name="Job">The job to start.</param>
/// <param name="Refusal">One sentence: why it can't go on, or what is missing.</param>
public sealed record Resumption(VideoJob? Job, string? Refusal)
{
    /// <summary>Whether a job that failed so can go on at all.</summary>
    public static bool IsPossible(string code) => code
        is not (ErrorCodes.InvalidRequest or ErrorCodes.ProviderRejected or ErrorCodes.ProviderFailed);

    /// <summary>Decides by the code with which the job failed.</summary>
    /// <param name="snapshot">The job as it stands.</param>
    /// <param name="wish">What the person said.</param>
    /// <param name="deadline">When watching ends (UTC), if that is what it goes on with.</param>
    public static Resumption Of(JobSnapshot snapshot, ResumeWish wish, DateTimeOffset deadline)
    {
        var (job, state) = (snapshot.Job, snapshot.State);
        if (snapshot.IsRunning) return Refuse("The job is running: there is nothing to resume.");
        if (state.Error is not { } error) return Refuse($"The job has {Word(state.Status)}: only a failed one can be resumed.");
        if (!IsPossible(error.Code))
            return Refuse($"A job that failed with {error.Code} can't be resumed: send the request again, put right if need be, as a new job.");
        if (error.Code is not ErrorCodes.SubmissionInDoubt && (wish.RequestId is not null || wish.Resubmit))
            return Refuse($"'request_id' and 'resubmit' are for jobs in doubt; this one failed with {error.Code}: resume it without a body.");

        return error.Code switch
        {
            ErrorCodes.SubmissionInDoubt when wish is { RequestId: not null, Resubmit: true } =>
                Refuse("Give either 'request_id' or 'resubmit', not both."),
            ErrorCodes.SubmissionInDoubt when wish.RequestId is { } id =>
                Go(Station.Watch, JobStatus.InQueue, s => s with { Provider = new(id), SubmittedAt = s.SubmittedAt ?? s.UpdatedAt }),
            ErrorCodes.SubmissionInDoubt when wish.Resubmit =>
                Go(Station.Queue, JobStatus.Accepted, s => s, key: $"{job.Id}.{job.Run + 1}"),
            ErrorCodes.SubmissionInDoubt => Refuse(
                "Whether RunComfy accepted it is not known, so say how to go on: {\"request_id\": \"…\"} with the id found on RunComfy's site, or {\"resubmit\": true} to submit anew."),
            ErrorCodes.ProviderTimeout or ErrorCodes.ProviderExpired or ErrorCodes.InternalError when state.Provider is not null =>
                Go(Station.Watch, JobStatus.InQueue, s => s),
            _ when state.Provider is not null => Go(Station.Store, JobStatus.Storing, s => s),
            // Nothing is paid yet, so the images are checked again before anything is.
            _ => Go(Station.Queue, JobStatus.Accepted, s => s),
        };

        Resumption Go(Station from, JobStatus status, Func<JobState, JobState> change, string? key = null)
        {
            var resumed = change(state) with
            {
                Status = status,
                Error = null,
                Attention = null,
                Deadline = from is Station.Watch ? deadline : null,
                Receivers = [],
                Warnings = [.. state.Warnings.Where(w => w.Code != FaultCode.CancelRefused)],
            };
            return new(
                job with
                {
                    Run = job.Run + 1,
                    HasBoundIds = true,
                    HasReport = job.Upload is not null,
                    From = from,
                    State = resumed,
                    SubmissionKey = key ?? job.SubmissionKey,
                    Carried = new(),
                },
                null);
        }
    }

    private static Resumption Refuse(string why) => new(null, why);

    private static string Word(JobStatus status) => status is JobStatus.Cancelled ? "been cancelled" : "succeeded";
}
