using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A job as it stands.</summary>
/// <param name="Job">Its input.</param>
/// <param name="State">Its state.</param>
/// <param name="IsRunning">Whether its workflow runs; false once it has ended.</param>
/// <param name="Notifications">Who was told, and how that went.</param>
public sealed record JobSnapshot(VideoJob Job, JobState State, bool IsRunning, IReadOnlyList<NotificationState> Notifications)
{
    /// <summary>What an engine knows of a job, as a client is to see it.</summary>
    /// <param name="job">The input of its present run.</param>
    /// <param name="reported">What it reported last, or returned; null if nothing yet.</param>
    /// <param name="run">How its workflow stands.</param>
    /// <param name="notifications">Who was told.</param>
    public static JobSnapshot Of(VideoJob job, JobState? reported, RunState run, IReadOnlyList<NotificationState> notifications)
    {
        var state = reported ?? JobState.Initial(job);
        if (run is RunState.Broken && !state.HasEnded())
        {
            // A defect, or a history that another version wrote. The job must not look as if it went on.
            state = state with
            {
                Status = JobStatus.Failed,
                Error = new(ErrorCodes.InternalError, "The job's workflow broke; the log says why. Resume the job when the cause is gone."),
            };
        }
        return new(job, state, run is RunState.Running, notifications);
    }
}
