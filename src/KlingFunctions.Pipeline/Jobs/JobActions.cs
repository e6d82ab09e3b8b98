using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Telemetry;
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

    /// <summary>The job's state does not allow the action.</summary>
    /// <param name="Code">One of <see cref="ProblemCode"/>.</param>
    /// <param name="Message">Why, in one sentence.</param>
    public sealed record Refused(string Code, string Message) : JobActionOutcome;

    /// <summary>The request itself is invalid.</summary>
    /// <param name="Fault">The error in it.</param>
    public sealed record Invalid(Fault Fault) : JobActionOutcome;
}

/// <summary>Decides whether a job can be cancelled or resumed, and does so.</summary>
internal sealed class JobActions(
    IJobs jobs, ISubmissionLedger ledger, RunComfyClient client, RequestFiles videos, Batches batches, Retention retention, IOptions<PipelineOptions> options,
    TimeProvider time)
{
    /// <summary>Asks a job to cancel. The workflow finds out whether RunComfy still can.</summary>
    public async Task<JobActionOutcome> CancelAsync(string id, CancellationToken cancellationToken)
    {
        if (await jobs.GetAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        JobTrace.Link(snapshot.Job.TraceParent);
        if (snapshot.State.Status is JobStatus.Storing)
        {
            return Refused(
                ProblemCode.NotCancellable, "The video is made and paid for, and is being stored: it can't be cancelled any more.");
        }
        if (snapshot.State.HasEnded() || !await jobs.CancelAsync(id, cancellationToken))
            return Refused(ProblemCode.NotCancellable, $"The job is {JsonWord.Of(snapshot.State.Status)}: there is nothing to cancel.");
        return new JobActionOutcome.Accepted(snapshot);
    }

    /// <summary>Resumes a failed job; and one that ended otherwise, if its paid video can be had after all.</summary>
    public async Task<JobActionOutcome> ResumeAsync(string id, ResumeRequest request, CancellationToken cancellationToken)
    {
        if (await jobs.GetSettledAsync(id, cancellationToken) is not { } snapshot) return new JobActionOutcome.NotFound();
        if (retention.IsOver(snapshot))
        {
            return Refused(
                ProblemCode.NotResumable,
                "The job ended longer ago than Pipeline:KeepFor, and is about to be deleted: send the request again, as a new job.");
        }

        var isTyped = request.RequestId is not null;
        // An answer that came after the job failed is in the ledger: then nothing is in doubt, and nothing is paid again.
        if (!isTyped && snapshot.State.Error?.Code is ErrorCodes.SubmissionInDoubt
            && await SubmissionKeys.FindPaidAsync(ledger, id, snapshot.Job.SubmissionKey, cancellationToken) is { RequestId: { } late })
        {
            request = new(late);
        }
        var found = await FindAsync(snapshot, cancellationToken);
        var resumption = Resumption.Of(snapshot, request, time.GetUtcNow() + options.Value.Deadline, found);
        if (resumption.Job is not { } job) return Refused(ProblemCode.NotResumable, resumption.Refusal!);
        // A mistyped id would end the job for good: first ask RunComfy whether it knows the id.
        if (isTyped
            && await client.GetStatusAsync(request.RequestId!, cancellationToken)
                is StatusAnswer.Faulted { Fault: { Class: FaultClass.NotFound } or { ProviderCode: ReplyReading.PermissionDenied } })
        {
            return new JobActionOutcome.Invalid(new(
                "/request_id", ProblemCode.NotFound,
                $"RunComfy knows no request '{request.RequestId}' of this account: copy the id from its Generations page."));
        }
        job = job with { Capped = options.Value.MaxInFlight > 0 };
        using var span = JobTrace.Rejoin("resume", id, job.TraceParent);
        if (!await jobs.ResumeAsync(job, cancellationToken))
            return Refused(ProblemCode.NotResumable, "The job is running again already: there is nothing to resume.");
        // Only the winner of concurrent resumes writes the ledger. If this write is lost, the job itself still knows the id.
        if (request.RequestId is { } watched) await ledger.RecordAsync(job.SubmissionKey, watched, time.GetUtcNow(), cancellationToken);
        if (job.Batch is { } batch) await batches.ResumeAsync(id, batch, job.Run, cancellationToken);
        return new JobActionOutcome.Accepted(new(job, JobState.Initial(job), IsRunning: true, []));
    }

    /// <summary>Looks, without cost, for the paid video of a job that has ended without one. A failed look finds nothing.</summary>
    private async Task<Found> FindAsync(JobSnapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot is not { IsRunning: false, State: { Provider.RequestId: { } requestId } state }) return Found.Nothing;
        if (state is { Status: JobStatus.Succeeded, Outputs: [var video, ..] })
            return await videos.LocateAsync(snapshot.Job.Id, requestId, video.Name, cancellationToken) is null ? Found.Finished : Found.Nothing;
        if (state is not ({ Status: JobStatus.Cancelled } or { Error.Code: ErrorCodes.ProviderFailed })) return Found.Nothing;
        return await client.GetResultAsync(requestId, cancellationToken) switch
        {
            ResultAnswer.Succeeded { Files.Count: > 0 } => Found.Finished,
            ResultAnswer.NotReady { State: not null } => Found.Running,
            _ => Found.Nothing,
        };
    }

    private static JobActionOutcome.Refused Refused(string code, string message) => new(code, message);
}
