using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The current state of a job.</summary>
/// <param name="Job">Its input.</param>
/// <param name="State">Its state.</param>
/// <param name="IsRunning">Whether its workflow runs; false once it has ended.</param>
/// <param name="Notifications">The state of each delivery.</param>
public sealed record JobSnapshot(VideoJob Job, JobState State, bool IsRunning, IReadOnlyList<NotificationState> Notifications)
{
    /// <summary>Whether the job has ended, but its workflow still starts the notifications: it can't be resumed before that has ended too.</summary>
    public bool IsEnding => IsRunning && State.HasEnded();

    /// <summary>The snapshot for an engine's record of a job.</summary>
    /// <param name="job">The input of its present run.</param>
    /// <param name="reported">The state that it last reported or returned; null if none yet.</param>
    /// <param name="run">The state of its workflow.</param>
    /// <param name="notifications">The state of each delivery.</param>
    public static JobSnapshot Of(VideoJob job, JobState? reported, RunState run, IReadOnlyList<NotificationState> notifications)
    {
        var state = reported ?? JobState.Initial(job);
        if (run is RunState.Broken && !state.HasEnded())
        {
            // A defect, or a history written by another version. The job must not look as if it were running.
            state = state with
            {
                Status = JobStatus.Failed,
                Error = new(ErrorCodes.InternalError, "The job's workflow broke; the log says why. Resume the job when the cause is gone."),
            };
        }
        return new(job, state, run is RunState.Running, notifications);
    }
}
