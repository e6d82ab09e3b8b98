using System.Globalization;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
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
    RequestReader reader, JobIntake intake, ValidateStep validate, IJobs jobs, Retention retention, IVideoStore videos, ISubmissionLedger ledger,
    RunComfyClient client, IOptions<PipelineOptions> options, TimeProvider time)
{
    internal const int DefaultPage = 20;
    internal const int MaxPage = 100;
    internal const int MaxKey = 255;

    // What a poller such as Logic Apps waits between two looks. A video takes minutes.
    private const string LookAgainAfter = "5";

    // No workflow fails without saying why; a row that was changed by hand may.
    private static readonly JobError ErrorIsMissing = new(
        ErrorCodes.InternalError, "The job failed, and what is stored of it does not say why: look it up in the host's log, or send the request again as a new job.");

    /// <summary><c>POST /api/videos</c>: accepts a job.</summary>
    public async Task<IResult> SubmitAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        var key = http.Request.Headers["Idempotency-Key"].ToString();
        if (key.Length > MaxKey || key.Any(c => c is < ' ' or > '~'))
        {
            return Problem.Faults([new("", FaultCode.InvalidHeader, $"The header Idempotency-Key must be at most {MaxKey} printable ASCII characters: a UUID is fine.")]);
        }
        var reading = reader.Read(body);
        if (reading.Request is null) return Problem.Faults(reading.Faults);

        var id = key.Length > 0 ? JobIntake.IdOf(key) : JobIntake.NewId();
        switch (await intake.HandInAsync(id, reading, BaseUrl.Of(http.Request), upload: null, http.RequestAborted))
        {
            case Intake.Accepted { Snapshot: var snapshot }:
                return Running(http, snapshot);
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
        await jobs.GetAsync(id, http.RequestAborted) is { } snapshot ? Resource(snapshot, StatusCodes.Status200OK) : Problem.NotFound(id);

    /// <summary><c>GET /api/videos/{id}/operation</c>: the job for pollers that go by the HTTP status.</summary>
    public async Task<IResult> OperationAsync(HttpContext http, string id)
    {
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);
        return snapshot.State.Status switch
        {
            JobStatus.Succeeded => Resource(snapshot, StatusCodes.Status200OK),
            JobStatus.Failed => Failed(snapshot.State.Error ?? ErrorIsMissing, id),
            JobStatus.Cancelled => Problem.Result(StatusCodes.Status409Conflict, ProblemCode.Cancelled, "The job was cancelled.", id: id),
            _ => Running(http, snapshot),
        };
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
            var page = await jobs.ListAsync(new(status, limit, cursor.Length > 0 ? cursor : null), http.RequestAborted);
            return Results.Json(new VideoPage([.. page.Jobs.Select(VideoResource.Of)], page.Cursor), PipelineJson.Default.VideoPage);
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
        var isListed = snapshot.State.Outputs.Any(o => o.Name == name);
        // Names of files have the characters of request ids.
        var mayBeStored = isListed || (snapshot.State.Unlisted is not null && ProviderReply.IsRequestId(name));
        if (!mayBeStored || await videos.LocateAsync(id, name, http.RequestAborted) is not { } location)
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

    /// <summary><c>POST /api/videos/{id}/cancel</c>: asks the job to cancel.</summary>
    public async Task<IResult> CancelAsync(HttpContext http, string id)
    {
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);
        if (snapshot.State.Status is JobStatus.Storing)
            return Problem.Result(StatusCodes.Status409Conflict, ProblemCode.NotCancellable, "The video is made and paid for, and is being stored: it can't be cancelled any more.", id: id);
        if (!await jobs.CancelAsync(id, http.RequestAborted))
            return Problem.Result(StatusCodes.Status409Conflict, ProblemCode.NotCancellable, $"The job is {JsonWord.Of(snapshot.State.Status)}: there is nothing to cancel.", id: id);
        return Running(http, snapshot);
    }

    /// <summary><c>POST /api/videos/{id}/resume</c>: lets a failed job go on.</summary>
    public async Task<IResult> ResumeAsync(HttpContext http, string id)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: true, http.RequestAborted);
        if (refusal is not null) return refusal;
        var (wish, fault) = ResumeBody.Read(body);
        if (fault is not null) return Problem.Faults([fault]);
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);

        if (retention.IsOver(snapshot))
        {
            return Problem.Result(
                StatusCodes.Status409Conflict, ProblemCode.NotResumable,
                "The job ended longer ago than Pipeline:KeepFor, and is about to be forgotten: send the request again, as a new job.", id: id);
        }

        // A mistyped id would end the job for good: RunComfy is asked whether it knows it before it is believed.
        var isTyped = wish.RequestId is not null;
        // An answer that came too late for its job is in the ledger all the same: then there is no doubt.
        if (!isTyped && !wish.Resubmit && snapshot.State.Error?.Code is ErrorCodes.SubmissionInDoubt
            && await ledger.FindAsync(snapshot.Job.SubmissionKey, http.RequestAborted) is { RequestId: { } late })
        {
            wish = new(late);
        }
        var resumption = Resumption.Of(snapshot, wish, time.GetUtcNow() + options.Value.Deadline);
        if (resumption.Job is not { } job) return Problem.Result(StatusCodes.Status409Conflict, ProblemCode.NotResumable, resumption.Refusal!, id: id);
        if (isTyped && await client.GetStatusAsync(wish.RequestId!, http.RequestAborted) is StatusAnswer.Faulted { Fault.Class: FaultClass.NotFound })
        {
            return Problem.Faults(
                [new("/request_id", ProblemCode.NotFound, $"RunComfy knows no request '{wish.RequestId}' of this account: copy the id from its Generations page.")]);
        }
        if (!await jobs.ResumeAsync(job, http.RequestAborted))
            return Problem.Result(StatusCodes.Status409Conflict, ProblemCode.NotResumable, "The job is running again already: there is nothing to resume.", id: id);
        // Of several who resume at once only the one who got the job writes down what it watches. Were this lost, the job still knows.
        if (wish.RequestId is { } watched) await ledger.RecordAsync(job.SubmissionKey, watched, time.GetUtcNow(), http.RequestAborted);
        return Running(http, new(job, JobState.Initial(job), IsRunning: true, []));
    }

    /// <summary><c>POST /api/videos/{id}/redeliver</c>: tells the receivers again.</summary>
    public async Task<IResult> RedeliverAsync(HttpContext http, string id)
    {
        if (await jobs.GetAsync(id, http.RequestAborted) is not { } snapshot) return Problem.NotFound(id);
        var given = snapshot.Notifications.Where(n => n.State is DeliveryState.DeadLetter or DeliveryState.Gone).ToList();
        // With none given up, the wish is to be told once more; receivers know it by its id.
        if (given.Count == 0) given = [.. snapshot.Notifications.Where(n => n.State is DeliveryState.Delivered)];
        var started = 0;
        foreach (var notification in given)
        {
            if (await jobs.RedeliverAsync(notification.Id, http.RequestAborted)) started++;
        }
        if (started > 0) return Resource((await jobs.GetAsync(id, http.RequestAborted))!, StatusCodes.Status202Accepted);
        return Problem.Result(
            StatusCodes.Status409Conflict, ProblemCode.NothingToRedeliver,
            snapshot.Notifications.Count > 0 ? "The notifications of this job are still being delivered."
            : snapshot.State.HasEnded() ? "This job has no receivers: it came without a webhook_url, and there was no subscription when it ended."
            : "The job has not ended yet: its receivers are told when it does.",
            id: id);
    }

    private static IResult Failed(JobError error, string id) =>
        Problem.Result(StatusCodes.Status422UnprocessableEntity, error.Code, error.Message, error.Details, id);

    private static IResult Running(HttpContext http, JobSnapshot snapshot)
    {
        http.Response.Headers.Location = $"{snapshot.Job.BaseUrl}/api/videos/{snapshot.Job.Id}/operation";
        http.Response.Headers.RetryAfter = LookAgainAfter;
        return Resource(snapshot, StatusCodes.Status202Accepted);
    }

    private static IResult Resource(JobSnapshot snapshot, int status) =>
        Results.Json(VideoResource.Of(snapshot), PipelineJson.Default.VideoResource, statusCode: status);

    private static JobStatus? StatusOf(string word) => Enum.GetValues<JobStatus>().Cast<JobStatus?>().FirstOrDefault(s => JsonWord.Of(s!.Value) == word);
}
