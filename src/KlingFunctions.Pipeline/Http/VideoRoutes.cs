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

/// <summary>What a validation found when it found no fault.</summary>
/// <param name="Valid">True.</param>
/// <param name="Warnings">What the caller should know.</param>
/// <param name="Request">The input as it would be submitted.</param>
public sealed record ValidationResult(bool Valid, IReadOnlyList<Fault> Warnings, JsonElement Request);

/// <summary>The routes below <c>/api/videos</c>. Both hosts map these very methods.</summary>
public sealed class VideoRoutes(
    RequestReader reader, JobIntake intake, ValidateStep validate, IJobs jobs, RequestFiles videos, IOptions<PublicOptions> address, LinkKeys keys)
{
    internal const int DefaultPage = 20;
    internal const int MaxPage = 100;

    /// <summary><c>POST /api/videos</c>: accepts a job.</summary>
    public async Task<IResult> SubmitAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        if (IdempotencyKey.Read(http.Request, out var key) is { } fault) return Problem.Faults([fault]);
        var reading = reader.Read(body);
        if (reading.Request is null) return Problem.Faults(reading.Faults);

        // Before the job starts: without an Idempotency-Key, an answer that fails after it costs another job.
        var signer = await keys.SignerAsync(http.RequestAborted);
        var id = key is null ? JobIntake.NewId() : JobIntake.IdOf(key);
        switch (await intake.HandInAsync(id, reading, address.Value.Url ?? BaseUrl.Of(http.Request), upload: null, http.RequestAborted))
        {
            case Intake.Accepted { Snapshot: var snapshot }:
                return Answers.Running(http, snapshot, signer);
            case Intake.Taken:
                return Problem.Result(
                    StatusCodes.Status422UnprocessableEntity, ProblemCode.IdempotencyKeyReused,
                    "This Idempotency-Key was used for another request: use a new key for a new request, or send the same body again.", id: id);
            case Intake.DayIsFull { RetryAfter: var wait }:
                http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
                return Problem.Result(
                    StatusCodes.Status429TooManyRequests, ProblemCode.DailyCapReached,
                    "As many jobs as Pipeline:MaxJobsPerDay allows were accepted today: try again tomorrow (UTC), or raise the cap.");
            default:
                throw new InvalidOperationException("An outcome of the intake is not handled.");
        }
    }

    /// <summary><c>POST /api/videos/validate</c>: all checks, and nothing else.</summary>
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
                new ValidationResult(true, reading.Warnings, VideoResource.Shown(reading.Request)), PipelineJson.Default.ValidationResult);
    }

    /// <summary><c>GET /api/videos/{id}</c>: the job as it stands.</summary>
    public async Task<IResult> GetAsync(HttpContext http, string id) =>
        await jobs.GetAsync(id, http.RequestAborted) is { } snapshot ? Answers.Resource(http, snapshot, StatusCodes.Status200OK) : Problem.NotFound(id);

    /// <summary><c>GET /api/videos/{id}/operation</c>: the job for pollers that go by the HTTP status.</summary>
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
        JobStatus? status = null;
        if (query["status"].ToString() is { Length: > 0 } word && (status = StatusOf(word)) is null)
        {
            var known = string.Join(", ", Enum.GetValues<JobStatus>().Select(JsonWord.Of));
            faults.Add(new("/status", FaultCode.NotAllowedValue, $"There is no status '{word}': it is one of {known}."));
        }
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
            var baseUrl = BaseUrl.Of(http.Request);
            var page = await jobs.ListAsync(new(status, limit, cursor.Length > 0 ? cursor : null), http.RequestAborted);
            return Results.Json(new VideoPage([.. page.Jobs.Select(job => VideoResource.Of(job, baseUrl))], page.Cursor), PipelineJson.Default.VideoPage);
        }
        catch (FormatException)
        {
            return Problem.Faults([new("/cursor", FaultCode.NotAllowedValue, "This cursor is not one that a page gave: take 'next_cursor' as it is, or leave it out.")]);
        }
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
        // Names of files have the characters of request ids.
        var mayBeStored = listed is not null || (snapshot.State.Unlisted is not null && ProviderReply.IsRequestId(name));
        if (!mayBeStored || await videos.LocateAsync(id, snapshot.State.Provider?.RequestId, name, http.RequestAborted) is not { } location
            || (listed is not null && location.File.Sha256 != listed.Sha256))
        {
            return Problem.Result(
                StatusCodes.Status404NotFound, ProblemCode.NotFound,
                $"Video '{id}' has no stored file '{name}'. It has: {string.Join(", ", snapshot.State.Outputs.Select(o => o.Name))}.", id: id);
        }
        if (location.Link is { } link) return Results.Redirect(link.AbsoluteUri);
        return Results.File(
            location.Path!, location.File.ContentType, lastModified: location.StoredAt,
            entityTag: new EntityTagHeaderValue($"\"{location.File.Sha256}\""), enableRangeProcessing: true);
    }

    private static JobStatus? StatusOf(string word) => Enum.GetValues<JobStatus>().Cast<JobStatus?>().FirstOrDefault(s => JsonWord.Of(s!.Value) == word);
}
