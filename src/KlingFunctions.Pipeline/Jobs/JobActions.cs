using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The outcome of an action on a job.</summary>
public abstract record JobActionOutcome
{
    private JobActionOutcome()
    {
    }

    /// <summary>The action was accepted.</summary>
    /// <param name="Snapshot">The job.</param>
    public sealed record Accepted(JobSnapshot Snapshot) : JobActionOutcome;

    /// <summary>There is no job of this id.</summary>
    public sealed record NotFound : JobActionOutcome;

    /// <summary>The job is in a state in which this can't be done.</summary>
    /// <param name="Code">One of <see cref="ProblemCode"/>.</param>
    /// <param name="Message">Why, in one sentence.</param>
    public sealed record Refused(string Code, string Message) : JobActionOutcome;

    /// <summary>The caller asked for something that is wrong in itself.</summary>
    /// <param name="Fault">What is wrong.</param>
    public sealed record Invalid(Fault Fault) : JobActionOutcome;
}

/// <summary>Decides whether a job can be cancelled or resumed, and does it.</summary>
public sealed class JobActions(
    IJobs jobs, ISubmissionLedger ledger, RunComfyClient client, Retention retention, IOptions<PipelineOptions> options, TimeProvider time)
{
    /// <summary>Asks a job to cancel. The workflow finds out whether RunComfy still can.</summary>
    public async Task<JobActionOutcome> CancelAsync(string id, CancellationToken cancellationToken)
    {
        if (await jobs.GetAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        if (snapshot.State.Status is JobStatus.Storing)
        {
            return Refused(
                ProblemCode.NotCancellable, "The video is made and paid for, and is being stored: it can't be cancelled any more.");
        }
        if (!await jobs.CancelAsync(id, cancellationToken))
            return Refused(ProblemCode.NotCancellable, $"The job is {JsonWord.Of(snapshot.State.Status)}: there is nothing to cancel.");
        return new JobActionOutcome.Accepted(snapshot);
    }

    /// <summary>Lets a failed job go on.</summary>
    public async Task<JobActionOutcome> ResumeAsync(string id, ResumeWish wish, CancellationToken cancellationToken)
    {
        if (await jobs.GetAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        if (retention.IsOver(snapshot))
        {
            return Refused(
                ProblemCode.NotResumable,
                "The job ended longer ago than Pipeline:KeepFor, and is about to be forgotten: send the request again, as a new job.");
        }

        var isTyped = wish.RequestId is not null;
        // An answer that came too late for its job is in the ledger all the same: then there is no doubt, and nothing is to be paid again.
        if (!isTyped && snapshot.State.Error?.Code is ErrorCodes.SubmissionInDoubt
            && await ledger.FindAsync(snapshot.Job.SubmissionKey, cancellationToken) is { RequestId: { } late })
        {
            wish = new(late);
        }
        var resumption = Resumption.Of(snapshot, wish, time.GetUtcNow() + options.Value.Deadline);
        if (resumption.Job is not { } job) return Refused(ProblemCode.NotResumable, resumption.Refusal!);
        // A mistyped id would end the job for good: RunComfy is asked first whether it knows the id.
        if (isTyped
            && await client.GetStatusAsync(wish.RequestId!, cancellationToken) is StatusAnswer.Faulted { Fault.Class: FaultClass.NotFound })
        {
            return new JobActionOutcome.Invalid(new(
                "/request_id", ProblemCode.NotFound,
                $"RunComfy knows no request '{wish.RequestId}' of this account: copy the id from its Generations page."));
        }
        job = job with { Capped = options.Value.MaxInFlight > 0 };
        if (!await jobs.ResumeAsync(job, cancellationToken))
            return Refused(ProblemCode.NotResumable, "The job is running again already: there is nothing to resume.");
        // Only the caller whose resume won writes the ledger. If this write is lost, the job itself still knows the id.
        if (wish.RequestId is { } watched) await ledger.RecordAsync(job.SubmissionKey, watched, time.GetUtcNow(), cancellationToken);
        return new JobActionOutcome.Accepted(new(job, JobState.Initial(job), IsRunning: true, []));
    }

    private static JobActionOutcome.Refused Refused(string code, string message) => new(code, message);
}
