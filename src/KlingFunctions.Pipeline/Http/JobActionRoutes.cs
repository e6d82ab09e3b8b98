using System.Diagnostics;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The routes that act on a job: cancel, resume and redeliver. <see cref="JobActions"/> and <see cref="Redelivery"/> decide.</summary>
internal sealed class JobActionRoutes(JobActions actions, Redelivery redelivery, LinkKeys keys)
{
    /// <summary><c>POST /api/videos/{id}/cancel</c>: asks the job to cancel.</summary>
    public async Task<IResult> CancelAsync(HttpContext http, string id)
    {
        var signer = await keys.SignerAsync(http.RequestAborted);
        return Answer(await actions.CancelAsync(id, http.RequestAborted), id, snapshot => Answers.Running(http, snapshot, signer));
    }

    /// <summary><c>POST /api/videos/{id}/resume</c>: resumes a failed job.</summary>
    public async Task<IResult> ResumeAsync(HttpContext http, string id)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: true, http.RequestAborted);
        if (refusal is not null) return refusal;
        var (request, fault) = ResumeBody.Read(body);
        if (fault is not null) return Problem.Faults([fault]);
        var signer = await keys.SignerAsync(http.RequestAborted);
        return Answer(await actions.ResumeAsync(id, request, http.RequestAborted), id, snapshot => Answers.Running(http, snapshot, signer));
    }

    /// <summary><c>POST /api/videos/{id}/redeliver</c>: sends the notifications again.</summary>
    public async Task<IResult> RedeliverAsync(HttpContext http, string id) =>
        Answer(
            await redelivery.RedeliverAsync(id, http.RequestAborted), id,
            snapshot => Answers.Resource(http, snapshot, StatusCodes.Status202Accepted));

    /// <summary>The problem of an action that was not accepted.</summary>
    internal static Problem ProblemOf(JobActionOutcome outcome, string id) => outcome switch
    {
        JobActionOutcome.NotFound => Problem.OfNotFound(id),
        JobActionOutcome.Refused { Code: var code, Message: var why } => Problem.Of(StatusCodes.Status409Conflict, code, why, id: id),
        JobActionOutcome.Invalid { Fault: var fault } => Problem.OfFaults([fault]),
        _ => throw new UnreachableException(),
    };

    private static IResult Answer(JobActionOutcome outcome, string id, Func<JobSnapshot, IResult> accepted) =>
        outcome is JobActionOutcome.Accepted { Snapshot: var snapshot } ? accepted(snapshot) : Problem.Result(ProblemOf(outcome, id));
}
