using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>Answers that contain a job.</summary>
internal static class Answers
{
    // A video takes minutes; pollers such as Logic Apps need not poll more often.
    private const string SecondsBetweenPolls = "5";

    // Workflows always fail with an error; a row that was edited by hand may have none.
    private static readonly JobError ErrorIsMissing = new(
        ErrorCodes.InternalError, "The job failed, and what is stored of it does not say why: look it up in the host's log, or send the request again as a new job.");

    /// <summary>The job for pollers that branch on the HTTP status.</summary>
    public static IResult Operation(HttpContext http, JobSnapshot snapshot, LinkSigner signer) => snapshot.State.Status switch
    {
        JobStatus.Succeeded => Resource(http, snapshot, StatusCodes.Status200OK),
        JobStatus.Failed => Failed(snapshot.State.Error ?? ErrorIsMissing, snapshot.Job.Id),
        JobStatus.Cancelled => Problem.Result(StatusCodes.Status409Conflict, ProblemCode.Cancelled, "The job was cancelled.", id: snapshot.Job.Id),
        _ => Running(http, snapshot, signer),
    };

    /// <summary>422 with the error of a job that failed.</summary>
    private static IResult Failed(JobError error, string id) =>
        Problem.Result(StatusCodes.Status422UnprocessableEntity, error.Code, error.Message, error.Details, id);

    /// <summary>202. Its <c>Location</c> needs no key: pollers may not send the one of the submission.</summary>
    public static IResult Running(HttpContext http, JobSnapshot snapshot, LinkSigner signer)
    {
        http.Response.Headers.Location = signer.LinkTo(LinkPurpose.Operation, snapshot.Job.Id, http.Request);
        http.Response.Headers.RetryAfter = SecondsBetweenPolls;
        return Resource(http, snapshot, StatusCodes.Status202Accepted);
    }

    /// <summary>The job's resource.</summary>
    public static IResult Resource(HttpContext http, JobSnapshot snapshot, int status) =>
        Results.Json(VideoResource.Of(snapshot, AppBaseUrl.Of(http.Request)), PipelineJson.Default.VideoResource, statusCode: status);
}
