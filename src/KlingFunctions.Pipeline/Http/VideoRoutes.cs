using System.Globalization;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace KlingFunctions.Pipeline.Http;

/// <summary>A page of jobs.</summary>
/// <param name="Videos">The jobs, newest first.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next page; absent on the last.</param>
public sealed record VideoPage(IReadOnlyList<VideoResource> Videos, string? NextCursor);

/// <summary>The number of jobs.</summary>
/// <param name="Total">In all statuses together.</param>
/// <param name="Counts">In each status, by its name; 0 where there are none.</param>
public sealed record VideoCounts(int Total, IReadOnlyDictionary<string, int> Counts);

/// <summary>A short-lived link to a stored file that needs no key.</summary>
/// <param name="Url">The link: a secret.</param>
public sealed record ContentLink(string Url);

/// <summary>The answer to a validation without faults.</summary>
/// <param name="Valid">True.</param>
/// <param name="Warnings">Notes for the caller.</param>
/// <param name="Request">The input as it would be submitted.</param>
/// <param name="Price">The price of the video, as far as known.</param>
public sealed record ValidationResult(bool Valid, IReadOnlyList<Fault> Warnings, JsonElement Request, Price? Price = null);

/// <summary>The routes below <c>/api/videos</c>. Both hosts map these very methods.</summary>
internal sealed class VideoRoutes(
    RequestReader reader, JobIntake intake, ValidateStep validate, PriceList prices, IJobs jobs, Batches batches, RequestFiles videos, IOptions<PublicOptions> address, LinkKeys keys)
{
    internal const int DefaultPage = 20;
    internal const int MaxPage = 100;

    internal static readonly Problem DayIsFull = Problem.Of(
        StatusCodes.Status429TooManyRequests, ProblemCode.DailyCapReached,
        "As many jobs as Pipeline:MaxJobsPerDay allows were accepted today: try again tomorrow (UTC), or raise the cap.");

    /// <summary>Sets the header <c>Retry-After</c>: in seconds, rounded up.</summary>
    internal static void RetryAfter(HttpContext http, TimeSpan wait) =>
        http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);

    internal static Problem KeyReused(string id) => Problem.Of(
        StatusCodes.Status422UnprocessableEntity, ProblemCode.IdempotencyKeyReused,
        "This Idempotency-Key was used for another request: use a new key for a new request, or send the same body again.", id: id);

    /// <summary><c>POST /api/videos</c>: accepts a job.</summary>
    public async Task<IResult> SubmitAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        if (IdempotencyKey.Read(http.Request, out var key) is { } fault) return Problem.Faults([fault]);
        var reading = reader.Read(body);
        if (reading.Request is null) return Problem.Faults(reading.Faults);

        // Before the job starts: if the answer failed afterwards, a retry without an Idempotency-Key would start another job.
        var signer = await keys.SignerAsync(http.RequestAborted);
        var id = key is null ? JobIntake.NewId() : JobIntake.IdOf(key);
        switch (await intake.AcceptAsync(id, reading, address.Value.Url ?? AppBaseUrl.Of(http.Request), upload: null, http.RequestAborted))
        {
            case Intake.Accepted { Snapshot: var snapshot }:
                return Answers.Running(http, snapshot, signer);
            case Intake.Conflict:
                return Problem.Result(KeyReused(id));
            case Intake.DayIsFull { RetryAfter: var wait }:
                RetryAfter(http, wait);
                return Problem.Result(DayIsFull);
            default:
                throw new InvalidOperationException("An outcome of the intake is not handled.");
        }
    }

    /// <summary><c>POST /api/videos/validate</c>: makes all checks, and nothing else.</summary>
    public async Task<IResult> ValidateAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        var reading = reader.Read(body);
        if (reading.Request is null) return Problem.Faults(reading.Faults);
        var found = await validate.RunAsync(reading.Request.Input, http.RequestAborted);
        return found.Faults.Count > 0
            ? Problem.Faults(found.Faults)
            : Results.Json(
                new ValidationResult(
                    true, reading.Warnings, VideoResource.Shown(reading.Request), await prices.OfAsync(reading.Request.Input, http.RequestAborted)),
                PipelineJson.Default.ValidationResult);
    }

    /// <summary><c>GET /api/videos/{id}</c>: the current state of a job.</summary>
    public async Task<IResult> GetAsync(HttpContext http, string id) =>
        await jobs.GetAsync(id, http.RequestAborted) is { } snapshot
            ? Tagged.Json(VideoResource.Of(snapshot, AppBaseUrl.Of(http.Request)), PipelineJson.Default.VideoResource)
            : Problem.NotFound(id);

    /// <summary><c>GET /api/videos/{id}/operation</c>: the job for pollers that branch on the HTTP status.</summary>
    public async Task<IResult> OperationAsync(HttpContext http, string id)
    {
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);
        return Answers.Operation(http, snapshot, await keys.SignerAsync(http.RequestAborted));
    }

    /// <summary><c>GET /api/videos</c>: a page of jobs, newest first.</summary>
    public async Task<IResult> ListAsync(HttpContext http)
    {
        var query = http.Request.Query;
        var faults = new List<Fault>();
        JobFilterQuery.RefuseUnknown(query, ["limit", "cursor"], faults);
        var filter = JobFilterQuery.Read(query, faults);
        var limit = DefaultPage;
        if (query["limit"].ToString() is { Length: > 0 } number
            && (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxPage))
        {
            faults.Add(new("/limit", FaultCode.NotAllowedValue, $"The limit must be a whole number from 1 to {MaxPage}."));
        }
        if (faults.Count > 0) return Problem.Faults(faults);
        try
        {
            var cursor = query["cursor"].ToString();
            var baseUrl = AppBaseUrl.Of(http.Request);
            filter = await batches.NarrowAsync(filter, http.RequestAborted);
            var page = await jobs.ListAsync(new(filter, limit, cursor.Length > 0 ? cursor : null), http.RequestAborted);
            return Tagged.Json(new VideoPage([.. page.Jobs.Select(job => VideoResource.Of(job, baseUrl))], page.Cursor), PipelineJson.Default.VideoPage);
        }
        catch (FormatException)
        {
            return Problem.Faults([new("/cursor", FaultCode.NotAllowedValue, "This cursor is not one that a page gave: take 'next_cursor' as it is, or leave it out.")]);
        }
    }

    /// <summary><c>GET /api/videos/counts</c>: the number of jobs in each status.</summary>
    public async Task<IResult> CountAsync(HttpContext http)
    {
        var faults = new List<Fault>();
        JobFilterQuery.RefuseUnknown(http.Request.Query, [], faults);
        var filter = JobFilterQuery.Read(http.Request.Query, faults);
        if (faults.Count > 0) return Problem.Faults(faults);
        var found = await jobs.CountAsync(await batches.NarrowAsync(filter, http.RequestAborted), http.RequestAborted);
        var counts = Enum.GetValues<JobStatus>().ToDictionary(JsonWord.Of, status => found.GetValueOrDefault(status));
        return Tagged.Json(new VideoCounts(counts.Values.Sum(), counts), PipelineJson.Default.VideoCounts);
    }

    /// <summary><c>GET /api/videos/{id}/content</c>: the video, or with <c>?output=</c> another stored file.</summary>
    public async Task<IResult> ContentAsync(HttpContext http, string id)
    {
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);
        if (snapshot.State.Outputs.Count == 0)
        {
            return Problem.Result(
                StatusCodes.Status409Conflict, ProblemCode.VideoNotReady,
                $"There is no video: the job is {JsonWord.Of(snapshot.State.Status)}. Ask for its content when it has succeeded.", id: id);
        }
        var name = http.Request.Query["output"].ToString() is { Length: > 0 } wanted ? wanted : snapshot.State.Outputs[0].Name;
        var listed = snapshot.State.Outputs.FirstOrDefault(o => o.Name == name);
        // File names have the same characters as request ids.
        var mayBeStored = listed is not null || (snapshot.State.Unlisted is not null && ProviderReply.IsRequestId(name));
        if (!mayBeStored || await videos.LocateAsync(id, snapshot.State.Provider?.RequestId, name, http.RequestAborted) is not { } location
            || (listed is not null && location.File.Sha256 != listed.Sha256))
        {
            return Problem.Result(
                StatusCodes.Status404NotFound, ProblemCode.NotFound,
                $"Video '{id}' has no stored file '{name}'. It has: {string.Join(", ", snapshot.State.Outputs.Select(o => o.Name))}.", id: id);
        }
        if (location.Link is { } link)
        {
            // A script can't follow the redirect of a call with a key in its header: the store would need a CORS rule for each origin.
            return http.Request.GetTypedHeaders().Accept is [{ MediaType.Value: "application/json" }]
                ? Results.Json(new ContentLink(link.AbsoluteUri), PipelineJson.Default.ContentLink)
                : Results.Redirect(link.AbsoluteUri);
        }
        return Results.File(
            location.Path!, location.File.ContentType, lastModified: location.StoredAt,
            entityTag: new EntityTagHeaderValue($"\"{location.File.Sha256}\""), enableRangeProcessing: true);
    }
}
