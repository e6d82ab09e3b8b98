using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Http;

/// <summary>The routes below <c>/api/videos</c>: <see cref="VideoRoutes"/> and <see cref="JobActionRoutes"/> answer them, on both hosts.</summary>
public sealed class VideoFunctions(VideoRoutes routes, JobActionRoutes actions)
{
    private const AuthorizationLevel Key = AuthorizationLevel.Function;

    /// <summary>Accepts a job.</summary>
    [Function("SubmitVideo")]
    public Task<IResult> SubmitAsync(
        [HttpTrigger(Key, "post", Route = "videos")] HttpRequest request, [DurableClient] DurableTaskClient client) => routes.SubmitAsync(request.HttpContext);

    /// <summary>All checks, and nothing else.</summary>
    [Function("ValidateVideo")]
    public Task<IResult> ValidateAsync([HttpTrigger(Key, "post", Route = "videos/validate")] HttpRequest request) =>
        routes.ValidateAsync(request.HttpContext);

    /// <summary>A page of jobs.</summary>
    [Function("ListVideos")]
    public Task<IResult> ListAsync(
        [HttpTrigger(Key, "get", Route = "videos")] HttpRequest request, [DurableClient] DurableTaskClient client) => routes.ListAsync(request.HttpContext);

    /// <summary>The job as it stands.</summary>
    [Function("GetVideo")]
    public Task<IResult> GetAsync(
        [HttpTrigger(Key, "get", Route = "videos/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        routes.GetAsync(request.HttpContext, id);

    /// <summary>The job for pollers that go by the HTTP status.</summary>
    [Function("GetVideoOperation")]
    public Task<IResult> OperationAsync(
        [HttpTrigger(Key, "get", Route = "videos/{id}/operation")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        routes.OperationAsync(request.HttpContext, id);

    /// <summary>The video.</summary>
    [Function("GetVideoContent")]
    public Task<IResult> ContentAsync(
        [HttpTrigger(Key, "get", Route = "videos/{id}/content")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        routes.ContentAsync(request.HttpContext, id);

    /// <summary>Asks the job to cancel.</summary>
    [Function("CancelVideo")]
    public Task<IResult> CancelAsync(
        [HttpTrigger(Key, "post", Route = "videos/{id}/cancel")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        actions.CancelAsync(request.HttpContext, id);

    /// <summary>Lets a failed job go on.</summary>
    [Function("ResumeVideo")]
    public Task<IResult> ResumeAsync(
        [HttpTrigger(Key, "post", Route = "videos/{id}/resume")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        actions.ResumeAsync(request.HttpContext, id);

    /// <summary>Tells the receivers again.</summary>
    [Function("RedeliverVideo")]
    public Task<IResult> RedeliverAsync(
        [HttpTrigger(Key, "post", Route = "videos/{id}/redeliver")] HttpRequest request, string id, [DurableClient] DurableTaskClient client) =>
        actions.RedeliverAsync(request.HttpContext, id);
}
