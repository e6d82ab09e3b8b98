using KlingFunctions.Pipeline.Jobs;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The answers that hold a job.</summary>
internal static class Answers
{
    // A video takes minutes; pollers such as Logic Apps need not ask more often.
    private const string SecondsBetweenPolls = "5";

    /// <summary>202 with the address of the job's operation.</summary>
    public static IResult Running(HttpContext http, JobSnapshot snapshot)
    {
        http.Response.Headers.Location = $"{BaseUrl.Of(http.Request)}/api/videos/{snapshot.Job.Id}/operation";
        http.Response.Headers.RetryAfter = SecondsBetweenPolls;
        return Resource(http, snapshot, StatusCodes.Status202Accepted);
    }

    /// <summary>The job's resource.</summary>
    public static IResult Resource(HttpContext http, JobSnapshot snapshot, int status) =>
        Results.Json(VideoResource.Of(snapshot, BaseUrl.Of(http.Request)), PipelineJson.Default.VideoResource, statusCode: status);
}
